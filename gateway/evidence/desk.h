/*
 * The picture store at its three sockets: camera programs hand pictures in at `pictures`, the link
 * takes hits' pictures out at `evidence`, the console shows them from `look`. Who is at the other
 * end is asked of the kernel. One thread owns it and calls desk_step; it blocks on the disk, never
 * on a peer.
 */
#pragma once

#include <sys/types.h>

#include "gateway/base/log.h"
#include "gateway/evidence/store.h"

struct desk;

enum {
    DESK_CAMERAS_MAX = 12, /* connections; neither side takes the other's */
    DESK_LINKS_MAX = 4,
    DESK_LOOKERS_MAX = 12,
    DESK_PEERS_MAX = DESK_CAMERAS_MAX + DESK_LINKS_MAX + DESK_LOOKERS_MAX,
    DESK_LOOK_MS = 200,
    DESK_PUT_MS = 30000,  /* a picture that takes longer to hand in is given up */
    DESK_FADE_MS = 60000, /* how often it is looked for what is past its term */
    DESK_TELL_MS = 60000  /* what is refused is told once in so long */
};

/* An alarm begins or ends, or something happened (`active` true). Must not block. */
typedef void (*desk_report)(void *ctx, enum log_event_id event, bool active, const char *detail);

struct desk_options {
    const char *runtime_dir; /* of the sockets */
    const char *pictures_group;
    const char *evidence_group;
    const char *look_group;
    uid_t camera_user; /* besides root and ourselves */
    uid_t link_user;
    uid_t look_users[2];         /* the console's, and checkpointd's */
    struct picture_store *store; /* lives as long as the desk */
    const struct clock_source *clock;
    bool (*synchronised)(void *ctx); /* whether a source keeps the clock */
    desk_report report;
    void (*alive)(void *ctx); /* before each wait for the disk: many a slow one is no dead thread */
    void *ctx;                /* of all three */
};

/* Listens. ERR_BUSY, ERR_DENIED, ERR_IO; `err` names the socket. *out is heap memory for
 * desk_destroy (NULL is fine). */
int desk_create(const struct desk_options *options, struct desk **out,
                struct err_text *err) MUST_CHECK;
void desk_destroy(struct desk *desk);
/* Waits for what comes, at most DESK_LOOK_MS, and deals with it. */
void desk_step(struct desk *desk);
