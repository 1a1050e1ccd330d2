/*
 * See hqd_backup.h. Main thread, before any other.
 */
#include "gateway/app/hqd_backup.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "gateway/app/service.h"
#include "gateway/base/state_folder.h"
#include "gateway/hq/store/backup.h"

static int usage(const char *what)
{
    fprintf(stderr, "hqd: %s\nTry 'hqd --help'.\n", what);
    return EXIT_USAGE;
}

int hqd_backup_args(int *argc, char **argv, struct hqd_backup *out)
{
    int kept = 1;
    *out = (struct hqd_backup){NULL, NULL};
    for (int i = 1; i < *argc; i++) {
        const char **file = strcmp(argv[i], "--backup") == 0    ? &out->to
                            : strcmp(argv[i], "--restore") == 0 ? &out->from
                                                                : NULL;
        if (!file)
            argv[kept++] = argv[i];
        else if (i + 1 == *argc || argv[i + 1][0] == '\0')
            return usage(file == &out->to ? "--backup: expected a file"
                                          : "--restore: expected a file");
        else
            *file = argv[++i];
    }
    argv[kept] = NULL;
    *argc = kept;
    return out->to && out->from ? usage("--backup, --restore: expected one of them") : -1;
}

/* At most a line for every tenth, on a terminal and in a log alike. */
static void tell(void *ctx, int done, int all)
{
    int *told = ctx;
    int tenth = all > 0 ? (int)(done * 10LL / all) : 10;
    if (tenth == *told)
        return;
    *told = tenth;
    fprintf(stderr, "hqd: %d %% of %d pages\n", tenth * 10, all);
}

static int restore(const char *from, const char *database, const char *state_dir,
                   struct err_text *err)
{
    int told = 0;
    int lock = -1;
    int rc = state_folder_take(state_dir, &lock, err);
    if (rc == 0)
        rc = hq_restore(database, from, tell, &told, err);
    if (lock >= 0)
        close(lock);
    return rc;
}

int hqd_backup_run(const struct hqd_backup *asked, const char *database, const char *state_dir)
{
    struct err_text err = {""};
    int told = 0;
    int rc = asked->to ? hq_backup(database, asked->to, tell, &told, &err)
                       : restore(asked->from, database, state_dir, &err);
    if (rc != 0) {
        fprintf(stderr, "hqd: %s\n", err.text[0] ? err.text : err_name(rc));
        return EXIT_RUN;
    }
    if (asked->to)
        printf("Saved: %s. It holds every record: keep it as the database itself is kept.\n",
               asked->to);
    else
        printf("Put back: %s; what was there stays beside it as *.before. Start hqd.\n", database);
    return EXIT_OK;
}
