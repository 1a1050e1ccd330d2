/*
 * `doctor`, shared by doctor.c (what checkpointd knows), doctor_local.c (what this machine shows
 * without it) and doctor_hands.c (inputs operated by hand). Internal to checkpointctl.
 */
#pragma once

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

void doctor_configurations(struct doctor *d); /* doctor_local.c */
void doctor_redis(struct doctor *d);
void doctor_certificate(struct doctor *d);
void doctor_disk_here(struct doctor *d);
/* Lane by lane; an exit status. */
int doctor_hands(struct doctor *d); /* doctor_hands.c */
