/*
 * hqd --backup FILE, hqd --restore FILE: the administrator's copy of the database, and its way
 * back. The arguments are taken out before the service's own are read.
 */
#pragma once

struct hqd_backup {
    const char *to;   /* --backup; NULL: not asked for */
    const char *from; /* --restore */
};

/* Returns -1 to go on, else the status to exit with. */
int hqd_backup_args(int *argc, char **argv, struct hqd_backup *out);
/* Does what was asked for, with progress on stderr; the status to exit with. `state_dir` is taken
 * while a database is put back, so that no hqd works on it. */
int hqd_backup_run(const struct hqd_backup *asked, const char *database, const char *state_dir);
