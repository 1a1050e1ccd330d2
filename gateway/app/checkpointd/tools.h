/*
 * Technicians' tools in checkpointd: what a bus is asked between its scans and what a guided test
 * leaves on disk (thread "tools", which may wait for a line or a disk), and a watch over a lane's
 * inputs while somebody works at its barrier (fed by the bus threads). Internal to checkpointd;
 * tools.c, tools_watch.c, tools_acts.c.
 */
#pragma once

#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>

#include "drivers/bus/bus.h"
#include "gateway/app/checkpointd/config.h"
#include "gateway/base/queue.h"
#include "gateway/base/thread.h"
#include "gateway/control/control.h"
#include "gateway/pipeline/pipeline.h"

enum {
    TOOL_JOBS_MAX = 4,          /* waiting; one technician asks one thing at a time */
    TOOL_SCAN_UNITS_MAX = 16,   /* of one request */
    TOOL_SCAN_MS = 8000,        /* then what is left is asked for again */
    WATCH_EDGES_MAX = 64,       /* of one watch */
    WATCH_LIFE_MS = 10 * 60000, /* a watch nobody asks about ends */
    UNIT_LAST = 247
};

enum tool_kind { TOOL_SCAN, TOOL_READ, TOOL_WRITE, TOOL_GUIDED };

/* What a guided test showed of the interlock. */
enum tool_verdict { VERDICT_NOT_TRIED, VERDICT_STOPPED, VERDICT_WENT_ON };

struct tool_job {
    enum tool_kind kind;
    size_t bus;   /* in the configuration */
    uint8_t from; /* TOOL_SCAN: units */
    uint8_t to;
    struct bus_request request; /* TOOL_READ, TOOL_WRITE */
    uint8_t lane;               /* TOOL_GUIDED */
    enum tool_verdict verdict;
    char measured[96];
    struct control_ticket ticket;
    struct control_actor actor;
    char reason[FACT_REASON_SIZE];
};

/* Inputs or read-back outputs of a lane changed. */
struct watch_edge {
    uint32_t ms;     /* since the watch began */
    uint32_t inputs; /* INPUT_BITs */
    uint32_t outputs;
};

struct lane_watch {
    uint8_t lane; /* 0 = free */
    bool lower;   /* begun for a lower by hand */
    struct mono_time since;
    uint32_t lost;    /* scans without contact */
    uint32_t dropped; /* edges beyond those */
    size_t count;     /* the first edge is how the watch found the lane */
    struct watch_edge edges[WATCH_EDGES_MAX];
};

struct tools {
    struct queue *jobs;
    struct thread thread;
    pthread_mutex_t lock; /* of watches: bus threads and control thread */
    struct lane_watch watches[PIPELINE_LANES_MAX];
    atomic_int watching;
    /* By lane, what the lane thread said last; a service_in that is asked for counts at once. */
    atomic_bool out[LANE_ID_MAX + 1];
    atomic_int coming_in[LANE_ID_MAX + 1];
    atomic_int writing[CONFIG_BUSES_MAX]; /* writes asked for and not yet done */
};

struct checkpointd;

/* ERR_NO_MEMORY. Before the threads. */
int tools_init(struct checkpointd *c, struct err_text *err) MUST_CHECK;
void tools_destroy(struct checkpointd *c);
void tools_run(struct thread *self, void *checkpointd); /* thread "tools" */
/* Takes the job, or refuses it through its ticket. Control thread. */
void tools_submit(struct checkpointd *c, const struct tool_job *job);

/* ---- who may write (tools.c) ---- */

/* Lane thread: what it says of a lane now. */
void tools_see_status(struct checkpointd *c, uint8_t lane, bool out_of_service);
/* Control thread: a lane shall go back into service. False: a write on its bus is not done yet. */
bool tools_coming_in(struct checkpointd *c, uint8_t lane);
/* Lane thread: that was answered. */
void tools_came_in(struct checkpointd *c, uint8_t lane, bool done);
bool tools_lane_is_out(const struct checkpointd *c, uint8_t lane);
/* The first lane of the bus that is in service, 0: none is. */
uint8_t tools_lane_in_service(const struct checkpointd *c, size_t bus);

/* ---- watches (tools_watch.c) ---- */

/* Bus threads. */
void watch_see_scan(struct checkpointd *c, const struct lane_scan *scan);
/* Begins anew. Control thread. */
void watch_begin(struct checkpointd *c, uint8_t lane, bool lower);
/* {"lane","for_ms","edges":[{"ms","inputs":[…],"outputs":[…]}],"lost","dropped"}; NULL: none. */
json_t *watch_json(struct checkpointd *c, uint8_t lane);
/* Whether the inputs show an obstacle that came into a closing boom which did not reach its lower
 * limit up to now, with no output of ours that could have stopped it. ERR_NOT_FOUND (no watch of a
 * lower) or ERR_INVALID, the reason in `err`. */
int watch_shows_stop(struct checkpointd *c, uint8_t lane, uint32_t wired,
                     struct err_text *err) MUST_CHECK;

/* ---- acts (tools_acts.c); control thread ---- */

void tool_act_bus_scan(void *checkpointd, struct control *control, const struct control_call *call);
void tool_act_bus_read(void *checkpointd, struct control *control, const struct control_call *call);
void tool_act_bus_write(void *checkpointd, struct control *control,
                        const struct control_call *call);
void tool_act_test_raise(void *checkpointd, struct control *control,
                         const struct control_call *call);
void tool_act_test_stop(void *checkpointd, struct control *control,
                        const struct control_call *call);
void tool_act_test_lower(void *checkpointd, struct control *control,
                         const struct control_call *call);
void tool_act_test_watch(void *checkpointd, struct control *control,
                         const struct control_call *call);
void tool_act_guided_test(void *checkpointd, struct control *control,
                          const struct control_call *call);
void tool_act_camera_trigger(void *checkpointd, struct control *control,
                             const struct control_call *call);
