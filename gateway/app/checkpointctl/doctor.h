/*
 * `doctor`, shared by doctor.c (what checkpointd knows), doctor_local.c (what this machine shows
 * without it), doctor_console.c (the officers' console) and doctor_hands.c (inputs operated by
 * hand). Internal to checkpointctl.
 */
#pragma once

#include <limits.h>

#include "gateway/app/checkpointctl/checkpointctl.h"

enum { DOCTOR_TEXT_SIZE = 400 };

struct doctor {
    struct ctl *ctl;
    json_t *rows;   /* [{"check","part","good","detail","what_to_do"}] */
    json_t *status; /* checkpointd's; NULL: it does not answer */
    bool look;      /* some row is not good */
};

/* `check` is the row's stable name. The texts are in the reader's language already; what_to_do
 * stands only with what is not good. */
void doctor_add(struct doctor *d, const char *check, const char *part, bool good,
                const char *detail, const char *what_to_do);

/* The result of an act that needs no argument, a new reference. Quietly: that checkpointd does not
 * answer, or refuses this user, is a finding and not the command's failure; NULL then. */
json_t *doctor_ask(struct ctl *ctl, const char *act);

/* "<config-dir>/<file>" (doctor_local.c) */
void doctor_config_path(const struct doctor *d, const char *file, char out[PATH_MAX]);
void doctor_configuration(struct doctor *d, const char *program, const char *file);
/* A row of a certificate's days left; `days_min` of them are wanted. */
void doctor_certificate_days(struct doctor *d, const char *check, const char *part,
                             const char *path, long long days_min, const char *what_to_do);
void doctor_configurations(struct doctor *d);
void doctor_redis(struct doctor *d);
void doctor_certificate(struct doctor *d);
void doctor_disk_here(struct doctor *d);
/* Nothing where this box has no console. */
void doctor_console(struct doctor *d); /* doctor_console.c */
void doctor_codes(struct doctor *d);
/* Lane by lane; an exit status. */
int doctor_hands(struct doctor *d); /* doctor_hands.c */
