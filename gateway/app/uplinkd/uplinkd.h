/*
 * What the files of checkpoint-uplinkd share. Its threads:
 *
 * name     policy  input                       output                    when the input is full
 * box      normal  socket `records`, requests  records (256), urgents    no credit is given; of
 *                  (16)                        (64), socket              urgents the oldest go in
 *                                                                        their turn, alarmed
 * records  normal  records, credit-bound       POST records, receipts    checkpointd waits
 * obs-box  normal  socket `observe`            records (256)             as box
 * observe  normal  the second chain's records  POST observe, receipts    checkpointd waits
 * urgent   normal  urgents                     POST urgent               see box
 * confirm  normal  questions about hits (16)   POST confirm, answer      the oldest shows no
 *                                              -> box                    answer
 * inbox    normal  HQ's inbox and list         shelf, Redis; key set     HQ waits
 *                                              and list -> box
 * renew    normal  the box's certificate       its pair of files         -
 * pictures normal  pins (256), camerad         POST and PUT evidence     the oldest pin goes: its
 *                                                                        hit comes once more
 *
 * The inbox thread owns the list's store; each thread that posts, polls or renews has a connection
 * to HQ of its own.
 */
#pragma once

#include "gateway/app/uplinkd/config.h"
#include "gateway/base/thread.h"
#include "gateway/uplink/box.h"
#include "gateway/uplink/inbox.h"
#include "gateway/uplink/pictures.h"
#include "gateway/wanted/store.h"

enum uplinkd_channel {
    CHANNEL_RECORDS,
    CHANNEL_URGENT,
    CHANNEL_INBOX,
    CHANNEL_BOX,
    CHANNEL_RENEW,
    CHANNEL_OBSERVE,
    CHANNEL_OBSERVE_BOX,
    CHANNEL_CONFIRM,
    CHANNEL_PICTURES
};

enum { UPLINKD_INSTRUCTIONS_MAX = 64 }; /* kept here; the next ones wait at headquarters */

/* Numbers of instructions that checkpointd has not put on record yet, the oldest first. */
struct uplinkd_messages {
    size_t count;
    uint64_t waiting[UPLINKD_INSTRUCTIONS_MAX];
    bool offered;  /* the first one */
    bool more;     /* others stand in the folder only */
    bool full;     /* told */
    uint64_t kept; /* the newest of this run: an answer that was kept in part comes again */
    struct mono_time due;
};

struct uplinkd {
    struct uplinkd_config config;
    struct uplink_alarms alarms;
    char trust_path[UPLINKD_TEXT_SIZE + 32]; /* roots of headquarters' servers, see trust.c */
    struct uplink_site site;
    struct box *box;
    struct box *observe_box;
    char records_path[UPLINKD_TEXT_SIZE + 16];
    char observe_path[UPLINKD_TEXT_SIZE + 16];
    struct thread box_thread;
    struct thread records_thread;
    struct thread observe_box_thread;
    struct thread observe_thread;
    struct thread urgent_thread;
    struct thread confirm_thread;
    struct thread inbox_thread;
    struct thread renew_thread;
    struct thread pictures_thread;
    struct queue *pins; /* struct picture_message: from thread box to thread pictures */
    struct pictures_terms picture_terms; /* likewise */
    struct uplink_traffic traffic;
    char evidence_path[UPLINKD_TEXT_SIZE + 16];
    atomic_uint switches; /* of the box's certificate; release in renew.c, acquire in channel.c */

    /* inbox thread */
    struct wanted_store *store;
    struct inbox_list list;
    struct uplinkd_messages messages;
    struct mono_time sync_due;
    bool trust_due; /* the key set's server roots are not written yet */
};

/* A wait of a thread: its sign of life, and whether it shall go on. `ctx` is the struct thread. */
bool uplinkd_go_on(void *thread);
/* Logs an alarm's begin or end. Any thread. */
void uplinkd_report(void *ctx, enum log_event_id event, bool active, const char *detail);

/* Which roots headquarters' servers are met with, after a key set was taken (trust.c). */
int uplinkd_trust_take(struct uplinkd *u, struct err_text *err) MUST_CHECK;

/* Thread "inbox" (list.c). The store is opened before, so that its faults end the start. */
int uplinkd_store_open(struct uplinkd *u, struct err_text *err) MUST_CHECK;
void uplinkd_inbox_run(struct thread *self, void *uplinkd);
/* The inbox with the store behind it; inbox_fini. */
void uplinkd_inbox_open(struct uplinkd *u, struct inbox *inbox, const struct uplink_wait *wait);
/* The last message dealt with. */
uint64_t uplinkd_inbox_number(const struct uplinkd *u);
/* Connections to checkpointd and the store, before any thread (main.c). */
int uplinkd_prepare(struct uplinkd *u, struct err_text *err) MUST_CHECK;
/* The two threads that own the connections to checkpointd. */
int uplinkd_start_boxes(struct uplinkd *u, struct err_text *err) MUST_CHECK;

/* Messages that are kept (messages.c); thread "inbox". The keeper's ctx is the struct uplinkd. */
void uplinkd_messages_load(struct uplinkd *u);
void uplinkd_messages_step(struct uplinkd *u);
/* ERR_BUSY: not before checkpointd has taken others; told. */
int uplinkd_message_keep(void *uplinkd, const struct inbox_message *message,
                         struct err_text *err) MUST_CHECK;

/* `--enroll` and `--token-fd N`, taken out of argv (enroll.c). */
struct uplinkd_enroll {
    bool wanted;
    int token_fd; /* -1: the terminal */
};
/* -1 to go on, otherwise the exit status; what is wrong has been printed. */
int uplinkd_enroll_args(int *argc, char **argv, struct uplinkd_enroll *out);
/* `--spool-export DIR` and `--spool-import DIR` (spool.c): a checkpoint without a network. */
struct uplinkd_spool {
    bool export;
    const char *folder; /* NULL: neither */
};
int uplinkd_spool_args(int *argc, char **argv, struct uplinkd_spool *out);
/* Returns the exit status, everything has been printed. The daemon must not run meanwhile. */
int uplinkd_spool_run(struct uplinkd *u, const struct uplinkd_spool *spool);
/* Runs the enrolment; returns the exit status, everything has been printed. */
int uplinkd_enroll_run(const struct uplinkd_config *config, const struct uplinkd_enroll *enroll);
