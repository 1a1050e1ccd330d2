/*
 * One lane of the product on a simulated wire, in virtual time and one thread: the real bus engine,
 * Modbus driver, guard and lane machine on top, a virtual module and plant.h below, monitor.h at
 * the wire between them. A site is run by one scenario, which is told of each moment it asked for.
 *
 * The bus thread's clock, waiting and link are replaced at link time (--wrap): time passes only
 * in exchanges and waits, so a run of hours takes seconds and one seed always gives the same run.
 */
#pragma once

#include "drivers/bus/bus.h"
#include "gateway/lane/guard.h"
#include "gateway/lane/lane.h"
#include "monitor.h"
#include "plant.h"

enum {
    SITE_COMMITS = 16,
    SITE_READS = 16,
    SITE_ACTS = 64,
    SITE_PASSAGES = 256,
    SITE_EVENTS = 32,
    SITE_CURES = 12
};

enum wire_fault {
    WIRE_GOOD,
    WIRE_LOST_REQUEST, /* the module never hears it */
    WIRE_LOST_ANSWER,  /* the module acts, its answer is lost */
    WIRE_LATE,         /* the answer comes at the last moment */
    WIRE_EXCEPTION,
    WIRE_WRONG_UNIT,
    WIRE_GARBAGE,
    WIRE_FAULT_COUNT
};

struct site_passage {
    uint32_t vehicle; /* plant_vehicle id */
    bool wanted;
    bool freed; /* its hits ended: released or withdrawn */
};

struct site_commit {
    struct lane_record record; /* commit 0: free place */
    int64_t due_ns;
    bool done;
};

struct site_read {
    uint32_t vehicle; /* 0: free place */
    int64_t due_ns;
};

struct site;

/* A fault's end. */
struct site_cure {
    int64_t at_ns;
    void (*end)(struct site *site, uint32_t what); /* NULL: free place */
    uint32_t what;
};

struct site {
    struct lane_config config;
    struct lane_state lane;
    struct lane_actions out;
    struct guard guard;
    struct lane_guard hooks;
    struct io_device device;
    struct bus *bus;
    struct plant plant;
    struct monitor monitor;
    int64_t now_ns, end_ns, alive_next_ns, lane_due_ns;
    uint64_t seed;
    /* the wire */
    bool link_open;
    enum wire_fault fault;
    uint32_t fault_left; /* exchanges */
    uint32_t refuses;    /* COIL bits the module does not switch off: it answers an exception */
    /* lane events that wait for their turn */
    struct lane_event events[SITE_EVENTS];
    uint32_t event_count;
    bool stepping;
    /* journal, camera, headquarters */
    struct site_commit commits[SITE_COMMITS];
    struct site_read reads[SITE_READS];
    struct site_passage passages[SITE_PASSAGES]; /* by passage id, the newest */
    uint64_t passage_count;
    struct lane_act_event acts[SITE_ACTS]; /* by act, the newest */
    uint64_t act_count;
    uint64_t withdrawn[SITE_PASSAGES]; /* entries */
    uint32_t withdrawn_count;
    bool journal_up, matching_up, boom_camera;
    uint32_t missed_reads_percent;
    /* what a scenario watches */
    uint32_t alarms; /* bit per lane alarm, from EVENT_LANE_CONTACT_LOST on */
    uint64_t alarm_count[64];
    uint64_t holds_made, raises_by_cause[16], records[LANE_RECORD_COUNT];
    uint64_t left_read;    /* of the records `left`, those of a vehicle that was read */
    uint32_t held_vehicle; /* plant_vehicle id that the last hold of a passage landed on */
    uint64_t order_ns; /* when the order of vehicles was last in doubt for reasons no loop tells */
    struct site_cure cures[SITE_CURES];
    uint64_t order_count; /* by site_order */
    /* the scenario */
    void (*due)(struct site *site); /* at next_ns; sets the next */
    int64_t next_ns;
    void *ctx;
    bool lane_hangs;  /* its thread takes no event any more; bus and guard go on */
    bool orders_only; /* no lane machine: site_order alone speaks to bus and guard */
    bool trace;       /* CHECKPOINT_TRACE is set: what happens goes to standard output */
};

/* The usual lane: closed, every input, the generic module on Modbus TCP. */
void site_config(struct lane_config *out);
/* Runs for `ms` of virtual time; `due` is called at once, then at each next_ns. Aborts the test on
 * a configuration the product refuses. */
void site_run(struct site *site, const struct lane_config *config, int64_t ms,
              void (*due)(struct site *site), void *ctx);

uint32_t site_draw(struct site *site, uint32_t below);
static inline bool site_chance(struct site *site, uint32_t percent)
{
    return site_draw(site, 100) < percent;
}
void site_trace(const struct site *site, const char *format, ...) PRINTF_LIKE(2, 3);
/* Hands the lane an event; its orders, records and alarms are dealt with. */
void site_tell(struct site *site, const struct lane_event *event);
/* An order to bus and guard past the lane machine; for runs with orders_only. */
void site_order(struct site *site, enum lane_output output, bool on, bool emergency,
                int64_t life_ms);
/* Returns the act's number. */
uint64_t site_act(struct site *site, struct lane_act_event act);
/* The thumb is on the button of that press, or was taken off. */
void site_beat(struct site *site, uint64_t press, bool end);
void site_withdraw(struct site *site, uint64_t entry);
struct plant_vehicle *site_arrive(struct site *site, enum road_user user, bool wanted);
/* The order of vehicles cannot be told by the loops for a while. */
void site_disturbed(struct site *site);
static inline bool site_alarm(const struct site *site, enum log_event_id event)
{
    return (site->alarms & (1u << (event - EVENT_LANE_CONTACT_LOST))) != 0;
}
