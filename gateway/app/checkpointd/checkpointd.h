/* clang-format off */
/*
 * What the files of checkpointd share. Its threads:
 *
 * name      policy    input                     output                     when the input is full
 * bus-…     FIFO 40   orders (64)               scans, outcomes -> lane;   order refused, lane alarms
 *                     a camera on its line      reads -> cameras
 * lane      FIFO 35   events (1024)             orders, facts              scans dropped from 3/4 on,
 *                                                                          outcomes at the end, both
 *                                                                          counted; others wait
 * journal   FIFO 30   jobs (1024)               commits -> lane, head      routine refused at 3/4,
 *                                                                          then all: facts_lost
 * link      FIFO 20   socket `matches`          packets -> lane            reading stops, matchd counts
 * cam-…     normal    one camera's line         reads -> cameras           the camera's own buffer
 * cameras   FIFO 20   reads (64), faults        socket `reads`,            read dropped, counted,
 *                                               alarms -> lane             alarmed
 * sign-…    normal    newest message            its line, alarms -> lane   the older one is not shown
 * publish   normal    facts (1024)              events -> control          counted, the journal has it
 * control   normal    sockets control, events,  acts -> lane, jobs         clients wait
 *                     records, observe
 * observe   normal    hits on observe entries   the second chain           counted in its next record
 *                     (512), receipts
 * password  normal    sign-ons                  answers -> control         refused: busy
 * guesses   normal    counts of wrong ones      guesses.json               the newest count
 * tools     normal    technicians' requests (4) buses, answers -> control  refused: busy
 * search    normal    searches, reports (8)     answers -> control         refused: busy
 * looks     normal    hits that are shown (16)  which have a picture       asked at the next look
 */
/* clang-format on */
#pragma once

#include <jansson.h>
#include <stdatomic.h>

#include "gateway/app/checkpointd/cases.h"
#include "gateway/app/checkpointd/config.h"
#include "gateway/app/checkpointd/confirm.h"
#include "gateway/app/checkpointd/duty.h"
#include "gateway/app/checkpointd/inquiries.h"
#include "gateway/app/checkpointd/lookouts.h"
#include "gateway/app/checkpointd/looks.h"
#include "gateway/app/checkpointd/observe.h"
#include "gateway/app/checkpointd/open_holds.h"
#include "gateway/app/checkpointd/raise_all.h"
#include "gateway/app/checkpointd/search.h"
#include "gateway/app/checkpointd/tools.h"
#include "gateway/base/clock.h"
#include "gateway/base/queue.h"
#include "gateway/base/thread.h"
#include "gateway/base/trusted_time.h"
#include "gateway/control/control.h"
#include "gateway/journal/journal.h"
#include "gateway/model/picture_message.h"
#include "gateway/pipeline/pipeline.h"

enum {
    LANE_EVENTS_MAX = 1024,
    LANE_SCANS_MAX = LANE_EVENTS_MAX * 3 / 4, /* scans leave room for the others */
    JOBS_MAX = 1024,
    JOBS_ROUTINE_MAX = JOBS_MAX * 3 / 4, /* routine records leave room for the others */
    FACTS_MAX = 1024,
    CAMERA_READS_MAX = 64,
    ID_SHIFT = 20 /* ids of a run begin at the journal's head shifted by this */
};

/* ---- journal thread (recorder.c) ---- */

enum job_kind {
    JOB_FACT,   /* to be recorded; a commit is answered to the lane */
    JOB_WAIT,   /* the same, somebody waits in recorder_record_and_wait() */
    JOB_TELL,   /* the same, somebody is told */
    JOB_GAP,    /* what could not be recorded; by the journal thread itself */
    JOB_RECEIPT /* headquarters confirmed */
};

struct receipt_job {
    uint64_t client; /* of the records socket */
    struct journal_head head;
    char *text; /* the receipt, heap; freed by the recorder */
    size_t size;
};

struct record_waiter; /* on the stack of who waits */
struct checkpointd;

/* Journal thread: what became of a fact that a request asked for. */
typedef void (*recorder_tell)(struct checkpointd *c, const struct fact *fact,
                              struct control_ticket ticket, int result);

struct job {
    enum job_kind kind;
    struct fact fact;
    struct record_waiter *waiter;
    recorder_tell tell;
    struct control_ticket ticket; /* for tell */
    struct receipt_job receipt;
};

/* Retention terms as the journal thread deletes by them (retention.c). */
struct retention_in_force {
    bool paused; /* nothing is deleted: older terms than this box has had, or none any more */
    struct retention_terms terms; /* version 0: none yet; holds narrowed to this checkpoint */
};

struct retention_keeping {               /* the journal thread's own */
    struct retention_in_force *in_force; /* NULL: not yet */
    uint64_t taken;                      /* how many came */
    bool told;
    struct retention_status status; /* as it was told */
};

struct recorder {
    struct queue *jobs;
    struct journal *journal; /* the thread's own after start */
    struct thread thread;
    bool commits;         /* what the lanes were last told */
    atomic_bool healthy;  /* the same, for status */
    atomic_llong turn_ns; /* when the thread last went round: since then it waits for the disk */
    uint64_t lost;        /* routine records that could not be written, not yet on record */
    struct wall_time lost_first;
    struct wall_time lost_last;
    bool gap_written;
    struct mono_time try_due;                  /* after a failure */
    char chain[2 * JOURNAL_CHAIN_ID_SIZE + 1]; /* hex; constant after start */
    atomic_ullong recorded;                    /* sequence of the newest record */
    atomic_ullong confirmed;
    atomic_ullong lost_total;
    struct mono_time retain_due;
    struct retention_keeping keeping;
    int retain_failures;       /* one after the other */
    atomic_ullong turned_away; /* found the queue full, not yet on record */
    struct job group[JOURNAL_GROUP_MAX];
};

/* Why a lane's devices do not answer: the buses' threads say it, the publish thread adds it to the
 * alarm, whose own words are the lane's and know no device. */
struct lane_reasons {
    pthread_mutex_t lock;
    char text[LANE_ID_MAX + 1][FACT_DETAIL_SIZE];
    char lamps[LANE_ID_MAX + 1][FACT_DETAIL_SIZE]; /* of a device that only shows */
    /* "" or what another model in a device's place answered, and that device; for status too */
    char refused[LANE_ID_MAX + 1][FACT_DETAIL_SIZE];
    char refused_device[LANE_ID_MAX + 1][32];
};

/* ---- what control and commands show (board.c); control thread only ---- */

enum { BOARD_HITS_MAX = 256, BOARD_MESSAGES_MAX = 64 };

struct board {
    json_t *lanes;    /* {"1": status event} */
    json_t *captures; /* {"1": {"lane": 1, "now": capture event, "last": the hour before}} */
    json_t *alarms;   /* {"501:1": alarm event}, active ones */
    json_t *hits;     /* array, newest last */
    json_t *messages; /* of headquarters to the officers, likewise */
    json_t *list;
    json_t *policy; /* by what matchd judges */
    json_t *exempt; /* the exempt list */
    json_t *retention;
    json_t *clock;
    json_t *self_test; /* the event of the newest that passed; NULL: none yet */
    json_t *uplink;    /* {"connected","detail"}: the link to headquarters */
    json_t *matchd;    /* {"frames": 12}: what checkpoint-matchd counts */
    json_t *sources;   /* the same of each of its capture sources; board.c has the form */
};

/* ---- cameras on serial and Modbus lines (cameras.c) ---- */

enum camera_alarm_kind {
    CAMERA_ALARM_LOST,
    CAMERA_ALARM_GARBLED,
    CAMERA_ALARM_MISSED,
    CAMERA_ALARM_ORDER,
    CAMERA_ALARM_CLOCK,
    CAMERA_ALARM_COUNT
};
enum { CAMERA_REASON_SIZE = 96 };

/* What a camera's thread noted since the last look. */
struct camera_note {
    bool lost;
    unsigned bad;
    unsigned missed;
    unsigned orders_failed;
    char why_lost[CAMERA_REASON_SIZE];
    char why_bad[CAMERA_REASON_SIZE];
    char why_missed[CAMERA_REASON_SIZE];
    char why_order[CAMERA_REASON_SIZE];
};

struct camera_alarm {
    bool active;
    struct mono_time minute; /* since when raises are counted */
    unsigned raises;
    struct mono_time last; /* faulty then */
    int calm_ms;           /* good for so long ends it */
    char detail[CAMERA_REASON_SIZE + 32];
};

/* Garbage of a camera that no record tells of yet. */
struct camera_garbage {
    uint32_t count;
    struct mono_time due; /* of the record */
    char first[CAMERA_REASON_SIZE];
};

struct cameras {
    pthread_mutex_t lock; /* of notes */
    struct camera_note notes[CONFIG_CAMERAS_MAX];
    struct queue *reads;   /* struct plate_read -> cameras */
    atomic_ullong dropped; /* reads nobody could be given */
    /* thread "cameras" */
    int fd; /* socket `reads`, -1: not connected */
    struct mono_time retry_at;
    struct camera_alarm alarms[CONFIG_CAMERAS_MAX][CAMERA_ALARM_COUNT];
    struct camera_garbage garbage[CONFIG_CAMERAS_MAX];
    uint64_t dropped_told;
    bool dropping; /* alarmed */
    struct thread thread;
};

/* ---- the records socket (records.c); control thread only ---- */

struct records;

/* Who holds the button that lowers a lane's boom by hand (press.c). Control thread but atomics. */
struct press {
    uint64_t id;       /* given to the lane; 0: none yet */
    json_int_t number; /* the tablet's own */
    char officer[OFFICER_NAME_MAX + 1];
    char tablet[TABLET_NAME_SIZE];
    uint64_t turn;             /* the number the next beat has to repeat … */
    struct mono_time given_at; /* … and when it was given out; ns = 0: with the grant */
    struct mono_time beat_at;  /* when the newest came in, or the press itself */
    atomic_ullong granted;     /* when its act was answered, ns of the monotonic clock */
    atomic_ullong over;        /* id << PRESS_WHY_BITS | enum lane_refusal */
};
enum { PRESS_WHY_BITS = 8 };

enum { DAMAGED_TOLD_MAX = 16 };

/* Records of the journal in use that cannot be read. */
struct journal_damage {
    size_t count;
    uint64_t sequences[DAMAGED_TOLD_MAX]; /* the first ones */
};

/* What a journal that had to be set aside said of them. */
struct rescue {
    bool whole; /* all of it was read and verified: no hold can be missing */
    char why[FACT_DETAIL_SIZE];
    struct open_holds open;
};

/* ---- all ---- */

/* The newest statements that the journal knows of; 0 (list: LIST_NONE) none. Of them only number
 * and hash are said. */
struct list_high {
    struct list_status list;
    struct policy_status policy;
    struct exempt_status exempt;
    struct retention_status retention;
};

struct checkpointd {
    struct checkpointd_config config;
    const char *config_path;
    char journal_dir[256];
    struct checkpointd_devices devices;
    struct pipeline *pipeline;
    struct rule_set *rules; /* until the pipeline takes them over */
    struct queue *events;   /* struct pipeline_event -> lane */
    struct queue *facts;    /* struct fact -> publish */
    struct recorder recorder;
    struct journal_damage damage;
    struct control *control;
    struct match_link *link;
    struct records *records;
    struct observe *observe;
    struct records *observe_records; /* the socket `observe` */
    struct confirm_keeper confirm;   /* control thread */
    struct duty_keeper duty;         /* control thread, but for its posts */
    struct board board;
    struct cameras cameras;
    struct tools tools;
    struct searches searches;
    struct cases cases;
    struct inquiries inquiries;
    struct looks looks;
    struct lookout_desk lookouts;
    struct lane_reasons reasons;
    struct rescue *rescue; /* NULL: no journal was set aside; until the lanes are made */
    atomic_bool taken_over[LANE_ID_MAX + 1];     /* by lane: EVENT_HOLDS_TAKEN_OVER stands */
    atomic_bool still_held[LANE_ID_MAX + 1];     /* and EVENT_HOLD_STILL_HELD */
    atomic_bool raised_unnamed[LANE_ID_MAX + 1]; /* and EVENT_CONSOLE_RAISE_UNNAMED */
    struct thread lane_thread;
    struct thread publish_thread;
    struct thread control_thread;
    struct thread password_thread;
    struct thread guesses_thread;
    struct thread link_thread;
    struct trusted_time time;       /* lane thread */
    struct clock_source clock;      /* system monotonic, trusted wall time; any thread */
    atomic_llong signed_time_ms;    /* newest time headquarters signed, for the lane thread */
    atomic_ullong scans_dropped;    /* lane queue at LANE_SCANS_MAX */
    atomic_ullong outcomes_dropped; /* lane queue full */
    atomic_ullong events_dropped;   /* subscribers' queue full */
    atomic_ullong search_number;
    atomic_llong clock_offset_ms; /* copies for status and the journal thread */
    atomic_bool clock_trusted;
    atomic_bool clock_vouched; /* by a source, headquarters or a person since the start: trusted
                                  time is not behind. Release in clock.c */
    struct wall_time say_standing_at; /* lane thread */
    atomic_bool standing_said;        /* since the start: nothing is deleted before */
    struct list_high list_high;       /* constant after start */
    bool retention_behind;            /* control thread: alarmed */
    struct picture_terms pictures;    /* main, then control thread; its days: retention_bounds */
    _Atomic(struct retention_in_force *) retention_next; /* control thread to journal thread */
    atomic_ullong retention_bounds[RETENTION_KINDS];     /* floor << 32 | ceiling; 0: built in */
    atomic_bool matchd_connected;
    atomic_ullong stat_reads; /* copies of the pipeline's totals, for status */
    atomic_ullong stat_unread;
    atomic_ullong stat_hits;
    atomic_ullong stat_quiet;
    atomic_ullong stat_sounding;
    atomic_ullong stat_holds;
    atomic_ullong stat_suppressed;
    atomic_ullong stat_lost;
    uint64_t draw_state; /* lane thread */
    struct press presses[LANE_ID_MAX + 1];
    uint64_t last_press;
    struct raise_alls raises;
    /* By lane: when its newest guided test was, ms since 1970, 0 = none; main and control thread to
     * lane. */
    atomic_llong guided_ms[LANE_ID_MAX + 1];
    pthread_mutex_t guided_lock; /* of the file and of guided_refused */
    bool guided_refused;         /* alarmed */
};

/* Takes the journal, also when it fails: recorder_stop() closes it; and starts the thread. */
int recorder_start(struct checkpointd *c, struct journal *journal, struct err_text *err) MUST_CHECK;
/* Writes what is queued, closes the journal. Other threads may still push: they are refused. The
 * queue is main's to destroy, once they have ended. */
void recorder_stop(struct checkpointd *c);
/* Journal thread: takes over terms that came, tells what changed, and fills in what is deleted now;
 * false: nothing. */
bool retention_look(struct checkpointd *c, struct wall_time now, struct journal_retention *out);
/* A configured term within the retention terms in force. Any thread. */
int64_t retention_within(const struct checkpointd *c, enum retention_kind kind,
                         int64_t configured_ms);
/* What camerad is to keep pictures by now. Control thread. */
void retention_pictures(const struct checkpointd *c, struct picture_terms *out);
void retention_free(struct retention_in_force *in_force); /* NULL is fine */
/* Queues a fact. ERR_FULL. Any thread. */
int recorder_push(struct checkpointd *c, const struct fact *fact) MUST_CHECK;
/* Queues a fact; `tell` hears whether it was committed. Any thread. ERR_FULL: it hears nothing. */
int recorder_record_and_tell(struct checkpointd *c, const struct fact *fact,
                             struct control_ticket ticket, recorder_tell tell) MUST_CHECK;
/* Queues a fact and waits until it is committed, or cannot be: as long as the disk takes. Any
 * thread but lane, journal and control, which emergency raises come through. */
int recorder_record_and_wait(struct checkpointd *c, const struct fact *fact) MUST_CHECK;
/* The same for an act (FACT_ACT), but nobody waits for a disk that hangs: ERR_TIMEOUT. What
 * `takes_effect` and comes on record after all is followed by its name with _failed; what only
 * tells of something is on record when the disk comes back. */
int recorder_record_in_time(struct checkpointd *c, const struct fact *fact,
                            bool takes_effect) MUST_CHECK;
/* The disk does not come back: nothing can be committed for now. Any thread. */
bool recorder_hangs(const struct checkpointd *c, struct mono_time now);
/* Takes over job->receipt.text on success. ERR_FULL. */
int recorder_receipt(struct checkpointd *c, const struct receipt_job *receipt) MUST_CHECK;

void board_init(struct board *board);
void board_free(struct board *board);
/* What uplinkd said last of its link, or that it is not there. */
/* The hit of that number among those the board keeps; NULL. */
json_t *board_find_hit(const struct board *board, json_int_t id);
/* What an event says of a hit the board keeps stands with it: the latest answer, headquarters'
 * word, another plate read of its vehicle. Control thread, and main before it runs. */
void board_keep_answer(struct board *board, const json_t *event);
void board_keep_standing(struct board *board, const json_t *event);
void board_mark_conflict(struct board *board, const json_t *conflict);
void board_set_uplink(struct board *board, bool connected, const char *detail);
/* Thread "publish": facts to events, to the log, to the board and the subscribers. */
void publish_run(struct thread *self, void *checkpointd);
/* Any thread: for subscribers and the board. A full queue is counted. */
void publish_push(struct checkpointd *c, const struct fact *fact);
/* Link thread: counters of checkpoint-matchd, a MATCH_STATS, for the board. */
void board_take_counters(struct checkpointd *c, const struct match_message *message);
/* Link thread: another checkpoint-matchd says hello; it counts from the start. */
void board_forget_counters(struct checkpointd *c);

/* The pipeline, with the open holds of the journal. The recorder runs, the lane thread not yet. */
int lanes_create(struct checkpointd *c, struct err_text *err) MUST_CHECK;
/* Thread "lane". */
void lanes_run(struct thread *self, void *checkpointd);
/* What bus and link threads call. */
struct bus_sinks lanes_bus_sinks(struct checkpointd *c);

/* ---- what is likely wrong with a line, and how its devices are (buses.c) ---- */

/* Sink of the buses (bus threads): the alarms of a lane follow its line's likely cause. False while
 * the lanes have no room for them. */
bool buses_take_cause(void *ctx, uint8_t lane, enum bus_cause before, enum bus_cause now,
                      const char *bus);
/* The same: another model answers in a device's place, or, text "", no longer. */
bool buses_take_refused(void *ctx, uint8_t lane, const char *device, const char *text);
json_t *buses_json(struct checkpointd *c);
struct match_link_sink lanes_link_sink(struct checkpointd *c);
/* To an alarm of lost contact or of a light: what the bus said of it. */
void lanes_add_reason(struct checkpointd *c, struct fact *fact);
/* To the lane thread; waits for room while the lanes are behind. Any thread but lane and buses. */
void lane_post(struct checkpointd *c, const struct pipeline_event *event);
/* The same without waiting, for the bus threads: their guards must go on whatever becomes of the
 * lanes. False: no room. */
bool lane_try_post(struct checkpointd *c, const struct pipeline_event *event);

/* Before the journal is opened. */
void checkpointd_clock_begin(struct checkpointd *c);
/* Lane thread: looks again and tells the pipeline. */
void checkpointd_clock_look(struct checkpointd *c, struct mono_time now,
                            struct trusted_reading *out);

void acts_fill_actor(struct fact_actor *out, const struct control_actor *actor, const char *reason);
/* A fact by an actor, for record and events. */
void acts_begin_fact(const struct checkpointd *c, struct fact *fact,
                     const struct control_actor *actor, enum fact_kind kind, const char *reason);
/* The call's reason, "" when not given, NULL when it was refused. */
const char *acts_reason(struct control *control, const struct control_call *call, bool needed);
/* What an answer is about: hit, passage, entry and the listed plate, as the hit says it. */
void acts_answer_of_hit(const json_t *hit, struct fact_answer *answer);
void acts_hit_answer(void *checkpointd, struct control *control,
                     const struct control_call *call); /* answers.c */
/* Acts on lanes (lane_acts.c). */
/* The lane number that the call names, if it is configured, or 0 when it was refused. */
uint8_t acts_lane_of(struct checkpointd *c, struct control *control,
                     const struct control_call *call);
/* The lane of a hold that stands or waits, with its row of the lane's status; 0: none. */
uint8_t acts_lane_of_hold(const struct checkpointd *c, json_int_t hold, const json_t **out_row);
/* To the lane, which answers the call. */
void acts_post(struct checkpointd *c, const struct control_call *call,
               const struct pipeline_act *act, const char *reason);
void lane_act_ack(void *checkpointd, struct control *control, const struct control_call *call);
void lane_act_hold(void *checkpointd, struct control *control, const struct control_call *call);
void lane_act_stop(void *checkpointd, struct control *control, const struct control_call *call);
void lane_act_raise(void *checkpointd, struct control *control, const struct control_call *call);
void lane_act_release(void *checkpointd, struct control *control, const struct control_call *call);
void lane_act_inspected(void *checkpointd, struct control *control,
                        const struct control_call *call);
void lane_act_convoy(void *checkpointd, struct control *control, const struct control_call *call);
void lane_act_convoy_end(void *checkpointd, struct control *control,
                         const struct control_call *call);
void lane_act_service_out(void *checkpointd, struct control *control,
                          const struct control_call *call);
void lane_act_service_in(void *checkpointd, struct control *control,
                         const struct control_call *call);
/* Lowering by hand (press.c): the press, its beats, its end. */
void press_act_lower(void *checkpointd, struct control *control, const struct control_call *call);
void press_act_beat(void *checkpointd, struct control *control, const struct control_call *call);
void press_act_end(void *checkpointd, struct control *control, const struct control_call *call);
/* Lane thread: a press is granted, its first beat may come; the answer for the tablet. */
json_t *press_granted(struct checkpointd *c, const struct pipeline_act *act);
/* Lane thread: the lane says that a press is over. */
void press_over(struct checkpointd *c, uint8_t lane, const struct lane_record *record);
extern const struct control_act checkpointd_acts[];
extern const size_t checkpointd_act_count;
int acts_record(void *checkpointd, const struct control_actor *actor, const char *act,
                const json_t *details);
/* Pipeline's answers; lane thread. */
void acts_reply(void *checkpointd, const struct pipeline_act *act, enum lane_reply_kind kind,
                enum lane_refusal refusal);
/* The journal has the hold that instruction `id` asked for; 0: none. Before the threads. */
void instructions_held(struct checkpointd *c, uint64_t id, uint8_t lane);
/* As acts_reply, for a hold that an instruction asked for (instructions.c); lane thread. */
void instructions_reply(struct checkpointd *c, const struct pipeline_act *act,
                        enum lane_reply_kind kind, enum lane_refusal refusal);
/* Reads the rule file again and hands the set to the lanes. ERR_… with the reason in `err`; the old
 * one stays in force. Any thread. */
int checkpointd_reload(struct checkpointd *c, struct err_text *err) MUST_CHECK;

/* Reads the guided tests; without a good file there are none. Lanes running. */
void guided_load(struct checkpointd *c);
/* Puts a test of a lane into the file, in place of the one before, and takes it over. Other lanes'
 * stay; a file that would be refused is left as it is: its error. ERR_IO, ERR_FULL. Control thread.
 */
int guided_put(struct checkpointd *c, uint8_t lane, struct wall_time tested, bool stopped,
               const char *by, struct err_text *err) MUST_CHECK;
/* How long the lane's test is good for from `now`; <= 0: not at all. Lane thread. */
int64_t guided_valid_ms(const struct checkpointd *c, uint8_t lane, struct wall_time now,
                        bool trusted);

/* Before the devices are made. ERR_NO_MEMORY. */
int cameras_init(struct checkpointd *c, struct err_text *err) MUST_CHECK;
struct camera_sink cameras_sink(struct checkpointd *c);
/* Asks a camera for a read now; its read comes as any other. ERR_NOT_FOUND: no such camera on a
 * wire; ERR_UNSUPPORTED: it has no trigger; ERR_BUSY: one waits already, or was just sent. What
 * becomes of it is counted; a failure is an alarm. Any thread. */
int cameras_trigger(struct checkpointd *c, uint16_t camera) MUST_CHECK;
/* The same for every camera of a lane that can be asked; returns how many were. Any thread. */
size_t cameras_trigger_lane(struct checkpointd *c, uint8_t lane);
/* Lights of a camera on or off until told otherwise, or by plan. ERR_NOT_FOUND, ERR_UNSUPPORTED.
 * Any thread. */
int cameras_light(struct checkpointd *c, uint16_t camera, enum camera_light light) MUST_CHECK;
/* What a camera counted, when it was heard, how far its clock is off. ERR_NOT_FOUND. Any thread. */
int cameras_stats(const struct checkpointd *c, uint16_t camera,
                  struct camera_stats *out) MUST_CHECK;
/* The same of all, for status and metrics. */
json_t *cameras_json(const struct checkpointd *c);
/* Thread "cameras". */
void cameras_run(struct thread *self, void *checkpointd);
int cameras_start(struct checkpointd *c, struct err_text *err) MUST_CHECK;
void cameras_stop(struct checkpointd *c);
/* Adds up to CONFIG_CAMERAS_MAX threads; returns how many. */
size_t cameras_threads(struct checkpointd *c, struct thread **out);

/* What the sign of that lane shall say from now on. ERR_NOT_FOUND: the lane has none; ERR_INVALID
 * as of its driver. Returns at once. Any thread. */
int displays_show(struct checkpointd *c, uint8_t lane, const struct display_show *show) MUST_CHECK;
struct display_sink displays_sink(struct checkpointd *c);
json_t *displays_json(const struct checkpointd *c);
int displays_start(struct checkpointd *c, struct err_text *err) MUST_CHECK;
void displays_stop(struct checkpointd *c);
/* Adds up to CONFIG_DISPLAYS_MAX threads; returns how many. */
size_t displays_threads(struct checkpointd *c, struct thread **out);

int records_create(struct checkpointd *c, struct records **out, struct err_text *err) MUST_CHECK;
/* The same of the second chain, judged by the key set of `first`, which outlives it. */
int records_create_observe(struct checkpointd *c, const struct records *first, struct records **out,
                           struct err_text *err) MUST_CHECK;
void records_destroy(struct records *records);
/* Any thread: there are new records; one of them is urgent (0: none). NULL is fine. */
void records_wake(struct records *records, uint64_t urgent);
/* The chain's thread: the answer to a receipt that speaks of `sequence`. `result` 0 or an error. */
void records_confirmed(struct records *records, uint64_t client, uint64_t sequence, int result,
                       const struct err_text *err);

/* What the records of the journal do to those in `open`, which may be empty. */
int restore_find(struct checkpointd *c, struct open_holds *open, struct err_text *err) MUST_CHECK;
/* A record of the journal cannot be read: logged once, with its sequence. Main thread before the
 * others run, then the control thread. */
void restore_note_damage(struct checkpointd *c, uint64_t sequence, const char *why);
/* An alarm that names those noted. Main thread, before the lanes run. */
void restore_alarm_damage(struct checkpointd *c);
/* Fills in c->list_high from the journal. Main thread, before the others run. */
int restore_list_high(struct checkpointd *c, struct err_text *err) MUST_CHECK;

/* Opens a journal, in the place of a damaged one, or of one a named person wants set aside, a new
 * one; `holds`: what it says of open holds is kept (set_aside.c). Main thread, at the start. */
int set_aside_open(struct checkpointd *c, const struct journal_options *options, bool holds,
                   struct journal **out, struct err_text *err) MUST_CHECK;
/* All that was asked for is done. */
void set_aside_done(const struct checkpointd *c);
void set_aside_act(void *ctx, struct control *control, const struct control_call *call);

/* Before a damaged journal is set aside for `why`: keeps what it says of open holds, in memory and
 * in a file beside it, until they are on record again. Never fails: what cannot be read makes
 * every lane ask for confirmation. */
void rescue_keep(struct checkpointd *c, const char *why);
/* At every start: what an earlier one kept and did not bring on record any more. */
void rescue_load(struct checkpointd *c);
/* A record of the journal in use that may be of a hold cannot be read. */
void rescue_doubt(struct checkpointd *c, const char *why);
/* The holds are in the lanes and the recorder runs: puts them on record in the new journal, alarms,
 * has every lane confirmed that may miss one, and forgets what was kept. */
void rescue_settle(struct checkpointd *c, const struct open_holds *open);
/* An officer has looked at the lane: what a start alarmed about its holds ends. Control thread. */
void rescue_acknowledged(struct checkpointd *c, uint8_t lane);
