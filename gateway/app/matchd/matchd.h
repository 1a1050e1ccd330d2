/* clang-format off */
/*
 * What the files of checkpoint-matchd share. Its threads:
 *
 * name      policy   input                     output                  when the output is full
 * capture1… FIFO 20  a source or queue each,   packets (256) -> link   reads without a hit left out first,
 *           (16)     its core as configured                            all counted, lost hits alarmed
 *                                              refused rows -> link    counted on, sent later
 * reads     FIFO 20  socket `reads`            packets -> link         the same
 * link      FIFO 20  packets, queries          socket `matches`        packets wait, then capture drops
 * list      normal   Redis, last-good shelf    index (RCU), alarms     -
 * keeper    normal   counters of the cameras   file `counters`         -
 *
 * What reads are matched against is one small object behind an RCU pointer (struct in_force):
 * capture, reads and link look things up in it, the list thread alone changes it.
 */
/* clang-format on */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "gateway/app/capture_counters.h"
#include "gateway/app/matchd/capturer.h"
#include "gateway/base/queue.h"
#include "gateway/base/thread.h"
#include "gateway/base/trusted_time.h"
#include "gateway/model/traffic.h"
#include "gateway/wanted/reader.h"

enum {
    PACKETS_MAX = 256,
    PACKETS_FOR_HITS = 64, /* kept free of reads without a hit */
    OBSERVED_MAX = 128,    /* reads with hits on observe entries that wait to be sent */
    ALARMS_MAX = 40,
    ALARM_DETAIL_SIZE = 160,
    CAPTURE_PRIORITY = 20,
    MATCHD_OWN_COUNTERS = 16,
    MATCHD_SOURCE_COUNTERS = 8, /* of a capturer, besides the causes of its refusals */
    MATCHD_COUNTERS_MAX = (MATCHD_CAPTURERS_MAX + 1) * CAPTURE_COUNTERS_MAX + MATCHD_OWN_COUNTERS +
                          MATCHD_CAPTURERS_MAX * MATCHD_SOURCE_COUNTERS
};

/* A message on its way to checkpointd, its texts behind it. */
struct out_packet {
    size_t size; /* bytes of message and texts */
    struct mono_time made;
    struct capturer *from; /* NULL: it came over the socket `reads` */
    struct match_message message;
    char texts[MATCH_HITS_MAX * WANTED_TEXT_MAX];
};

/* By what matches are judged; the list thread's. */
struct judging {
    pthread_mutex_t lock;        /* of status, for the other threads */
    struct policy_status status; /* as it was last told */
    struct match_channel *channels[CHANNEL_ALPHABETS];
    size_t channel_count;
    bool index_failed;      /* no index for the policy's look-alikes: alarmed */
    uint32_t stated;        /* vehicles a shift the policy states, 0: none */
    struct traffic traffic; /* by `reads_vouched` */
};

struct alarm_state {
    uint32_t event; /* 0 = free */
    bool active;
    bool told; /* checkpointd knows */
    char detail[ALARM_DETAIL_SIZE];
};

/* Entries with an open hit, asked for by the link thread, looked up by the list thread. */
struct watched {
    pthread_mutex_t lock;
    uint64_t question; /* number of the set, 0: none */
    size_t count;
    uint64_t entries[MATCH_WATCH_MAX];
    uint64_t answer;   /* rises with each one */
    uint64_t answered; /* the question it is to */
    size_t gone_count;
    uint64_t gone[MATCH_WATCH_MAX]; /* of them, in the list no more */
    uint64_t looked_revision;       /* list thread: what the answer was looked up in */
};

struct matchd {
    struct matchd_config config;
    struct camera_table *cameras;
    struct capturer capturers[MATCHD_CAPTURERS_MAX];
    size_t capturer_count;
    struct queue *free_packets; /* struct out_packet * */
    struct queue *packets;
    struct out_packet *pool;
    struct queue *observed;        /* struct match_message; apart, so that no count depends on it */
    atomic_uint observed_lost;     /* hits that found it full; told with the next one */
    void *in_force;                /* struct in_force *, RCU */
    struct clock_source clock;     /* trusted time, the reader's */
    struct mono_time loading_told; /* list thread: when it last said how far it is */
    struct wanted_reader *reader;  /* list thread; closed behind it, with the entries */
    struct watched watched;        /* watched.c */
    atomic_ullong index_updates;   /* batches (some in one) brought into the running index */
    atomic_ullong index_rebuilds;  /* indexes built anew, the first one too */
    struct judging judging;
    atomic_uint policy_changes;
    atomic_uint list_changes;
    atomic_bool list_tried; /* the list of the last run was looked for: reads may be matched */

    pthread_mutex_t alarm_lock;
    struct alarm_state alarms[ALARMS_MAX];

    struct refusals *refusals;     /* refusals.c; link thread: what it sends */
    struct mono_time refusals_due; /* link thread: when it asks for them */
    bool refusals_awaited;         /* link thread: it has asked */
    atomic_uint refusals_asked;    /* release; how often it has */

    struct trusted_time time;     /* list thread */
    struct wall_time time_signed; /* newest taken; list thread */
    struct mono_time time_kept;   /* when it was last written; keeper thread */
    atomic_llong time_offset_ms;  /* system clock minus trusted time */
    atomic_bool time_trusted;

    struct thread reads_thread;
    struct thread link_thread;
    struct thread list_thread;
    struct thread keeper_thread;

    atomic_ullong reads;
    atomic_ullong reads_vouched; /* of them with a tag, a wire or a session: the traffic judged by,
                                    which nobody may flood to have misread plates kept back */
    atomic_ullong undecoded;     /* reads whose text is no plate */
    atomic_ullong dropped;       /* reads without a hit, no packet free */
    atomic_ullong dropped_hits;  /* the same with a hit: alarmed */
    atomic_ullong late;          /* packets too old to send */
    atomic_ullong reads_refused;
    atomic_ullong hits_left_out; /* beyond those a message has room for: always the weakest */
};

/* packets.c */

enum give_end { GIVE_SENT, GIVE_NOTHING /* no passage */, GIVE_NO_PACKET };

int matchd_packets_create(struct matchd *m, struct err_text *err) MUST_CHECK;
void matchd_packets_destroy(struct matchd *m);
/* How many reads without a hit there is a packet for now. */
size_t matchd_packets_room(struct matchd *m);
/* Trusted time now, for `system`. */
struct wall_time matchd_time(const struct matchd *m, struct wall_time system, bool *out_trusted);
/* Queues a read that was matched, and counts it, and what of the observe entries it hits. `from`
 * NULL: no capturer's. */
enum give_end matchd_give_read(struct matchd *m, const struct in_force *in_force,
                               const struct plate_read *read, const struct match_result *result,
                               struct capturer *from);
/* Matches one read and queues it. The thread is a registered, online RCU reader; it passes a
 * quiescent state itself. */
void matchd_take_read(struct matchd *m, const struct plate_read *read);

/* capture.c. Main thread. */
int matchd_capturers_create(struct matchd *m, struct err_text *err) MUST_CHECK;
int matchd_capturers_start(struct matchd *m, struct err_text *err) MUST_CHECK;
void matchd_capturers_destroy(struct matchd *m);

/* Raises or ends a named alarm; told to checkpointd and logged when it changes. Any thread. */
void matchd_alarm(void *matchd, enum log_event_id event, bool active, const char *detail);
/* The statement `in_force` as the message's list. */
void matchd_fill_list(const struct in_force *in_force, struct match_message *out);
/* Puts the result's hits and texts into a packet. Sets its size. */
void matchd_fill_hits(const struct match_result *result, struct out_packet *packet);

/* Everything counted: what the program counts in an order that never changes, then what each
 * capturer does, its causes without a count left out. Returns how many. Any thread. No observe
 * entry shows in it: what is observed is counted nowhere. */
size_t matchd_stats_fill(struct matchd *m, struct match_counter out[MATCHD_COUNTERS_MAX]);

/* refusals.c. Main thread. */
int matchd_refusals_create(struct matchd *m, struct err_text *err) MUST_CHECK;
void matchd_refusals_destroy(struct matchd *m);
/* Capture thread: hands over what was refused, if the link thread has asked again. */
void matchd_refusals_hand_over(struct capturer *capturer);
/* Link thread: the row to be sent, NULL behind the last one; all of them were sent. */
const struct refusal *matchd_refusals_get(struct matchd *m, size_t index);
void matchd_refusals_sent(struct matchd *m);
void matchd_refusals_fill(const struct refusal *refusal, struct match_message *message);

/* List thread (clock.c): begins with what was kept on disk, looks again, hears what
 * headquarters signed. */
void matchd_clock_begin(struct matchd *m);
void matchd_clock_look(struct matchd *m);
void matchd_clock_signed(struct matchd *m, const struct wanted_list *list);
/* Keeper thread: keeps a time that is trusted, so that a restart does not take the clock's word. */
void matchd_clock_keep(struct matchd *m);

/* self_test.c. Link thread, an RCU reader that is offline: puts the self-test's plate in at the
 * capture end and what matching makes of it into `packet`, a MATCH_SELF_TEST. */
void matchd_self_test(struct matchd *m, uint64_t number, struct out_packet *packet);

/* judge.c. List thread: begins with what is built in; takes a match policy (a reader's
 * policy_changed: its errors are tried again); looks at the traffic, once a second or so; ends. */
int matchd_judge_begin(struct matchd *m, struct err_text *err) MUST_CHECK;
int matchd_judge_policy(void *matchd, const struct match_policy *policy) MUST_CHECK;
void matchd_judge_look(struct matchd *m, struct mono_time now);
void matchd_judge_end(struct matchd *m);
/* Any thread. */
void matchd_judge_fill(struct matchd *m, struct policy_status *out);

/* list.c */

/* Waits until the list of the last run is in force, or there is none. */
void matchd_wait_for_list(struct matchd *m, struct thread *self);
void matchd_list_run(struct thread *self, void *matchd);
/* Main thread, all others joined. */
void matchd_list_close(struct matchd *m);

/* watched.c */

/* Link thread: watches these from now on, in place of the ones before. */
void matchd_watch(struct matchd *m, const uint64_t *entries, size_t count);
/* Link thread: whether there is an answer behind number `*seen` to the set watched now; takes it
 * over. */
bool matchd_watched_gone(struct matchd *m, uint64_t *seen, uint64_t out[MATCH_WATCH_MAX],
                         size_t *out_count);
/* List thread: answers, when the set or the list is another one than at the last look. */
void matchd_watched_look(struct matchd *m, const struct wanted_list *list);

void matchd_keeper_run(struct thread *self, void *matchd);
/* A file that cannot be used is alarmed and set aside: a lane is not blinded for it. */
void matchd_counters_load(struct matchd *m);
void matchd_reads_run(struct thread *self, void *matchd);
int matchd_reads_listen(struct matchd *m, struct err_text *err) MUST_CHECK;
void matchd_link_run(struct thread *self, void *matchd);
