/*
 * The exhaustive walk of the guard at the wire: any scan, any order the lane might give, written
 * well or badly, late or in time, and time that may run out in any order. The guard is asked as the
 * bus asks it: scan, then its own orders, each through `allows` and `wrote`.
 */
#include "guard_walk.h"

#include <stdio.h>
#include <string.h>

#include "gateway/lane/guard.h"
#include "lane_walk.h"
#include "state_set.h"

enum {
    UNDER = INPUT_BIT(INPUT_PRESENCE) | INPUT_BIT(INPUT_OBSTACLE),
    HANDS_OFF = INPUT_BIT(INPUT_LOCAL_CONTROL) | INPUT_BIT(INPUT_EMERGENCY_STOP),
    HEALTHY = INPUT_BIT(INPUT_PERSON_OK) | INPUT_BIT(INPUT_DETECTOR_OK),
    COILS = OUTPUT_BIT(OUTPUT_RAISE) | OUTPUT_BIT(OUTPUT_LOWER) | OUTPUT_BIT(OUTPUT_STOP),
    BEAT_MS = 500,
    ORDERS_ANSWERED = 8, /* which of the guard's three orders are acknowledged */
    MS = 1000 * 1000
};

/* What is so at the barrier, from what was written and read. */
struct at_wire {
    uint8_t lower_on; /* the pulse may still run */
    uint8_t raise_on;
    uint8_t lowering; /* a lower of ours may still move the boom */
    uint8_t raising;  /* the guard stopped it, and it was not up since */
    uint8_t failed;   /* … and its last raise was not acknowledged */
    uint8_t clear;    /* 0 no, 1 since lately, 2 for the set time */
    uint8_t wait;     /* the guard's raise, or the pause after it, is not over */
    uint8_t give_up;  /* it has tried for long enough */
    uint8_t let_go;   /* lower was switched off, acknowledged, since it was read back */
    uint8_t permit;   /* of a lower by hand: 1 runs, 2 is over and nothing has stopped it yet */
    uint8_t hand;     /* what lowers now is lowered by hand */
    uint8_t spare[5];
};

/* Times of the guard as what they mean now. */
struct guard_node {
    uint32_t active;
    uint32_t outputs;
    uint8_t contact;
    uint8_t seen;
    uint8_t raising;
    uint8_t raise_failed;
    uint8_t free_since; /* 0 not, 1 lately, 2 for the set time */
    uint8_t lowering;   /* the others: 1 still to come */
    uint8_t raising_until;
    uint8_t raise_again;
    uint8_t lower_until;
    uint8_t raise_until;
    uint8_t lower_off; /* since the last scan */
    uint8_t permit;    /* 0 none, 1 still to come, 2 over */
    uint8_t hand;
    uint8_t spare[3];
    struct at_wire wire;
};

_Static_assert(sizeof(struct guard_node) % 8 == 0, "a node is packed in words");

enum guard_move_kind {
    GUARD_SCAN,  /* a: inputs, b: coils and contact, c: which of its orders are acknowledged */
    GUARD_ORDER, /* a: output, b: on, emergency, late, c: done */
    GUARD_TIME   /* a: what runs out */
};

enum {
    ON = 1,
    URGENT = 2,
    LATE = 4,
    UNDER_NOW = 8,
    KINDS_OF_ORDER = 16,
    BY_HAND = 16, /* besides, of a lower */
    TOO_LONG = 32,
    LEVEL = 64,
    NO_CONTACT = 128
};

enum guard_time {
    TIME_CLEAR,
    TIME_LOWERING,
    TIME_RAISING,
    TIME_AGAIN,
    TIME_LOWER,
    TIME_RAISE,
    TIME_PERMIT,
    TIME_HAND,
    TIMES
};

struct guard_move {
    uint8_t kind;
    uint8_t b;
    uint8_t c;
    uint8_t spare;
    uint32_t a;
};

static const struct mono_time now = {WALK_NOW_NS};

static void to_guard(const struct guard_node *n, const struct lane_config *config, struct guard *g)
{
    struct mono_time later = {WALK_LATER_NS};
    guard_init(g, config);
    g->latest = (struct lane_scan){.lane = config->lane,
                                   .number = n->seen,
                                   .at = now,
                                   .contact = n->contact,
                                   .wired = config->wired,
                                   .active = n->active,
                                   .outputs = n->outputs,
                                   .outputs_wired = config->outputs_wired};
    g->free_since.ns = n->free_since == 0   ? INT64_MAX
                       : n->free_since == 1 ? WALK_NOW_NS
                                            : WALK_NOW_NS - (int64_t)config->clear_ms * MS;
    g->lowering_until = n->lowering ? later : now;
    g->raising = n->raising;
    g->raise_failed = n->raise_failed;
    g->raising_until = n->raising_until ? later : now;
    g->raise_again = n->raise_again ? later : now;
    g->lower_until = n->lower_until ? later : now;
    g->raise_until = n->raise_until ? later : now;
    g->lower_off.ns = n->lower_off ? WALK_NOW_NS : 0;
    g->permit_until.ns = n->permit == 0 ? INT64_MAX : n->permit == 1 ? WALK_LATER_NS : WALK_NOW_NS;
    g->hand_until = n->hand ? later : now;
}

static void from_guard(const struct guard *g, struct guard_node *n)
{
    n->active = g->latest.active;
    n->outputs = g->latest.outputs;
    n->contact = g->latest.contact;
    n->seen = g->latest.number != 0;
    n->raising = g->raising;
    n->raise_failed = g->raise_failed;
    n->free_since = g->free_since.ns == INT64_MAX ? 0 : g->free_since.ns == WALK_NOW_NS ? 1 : 2;
    n->lowering = mono_before(now, g->lowering_until);
    n->raising_until = mono_before(now, g->raising_until);
    n->raise_again = mono_before(now, g->raise_again);
    n->lower_until = mono_before(now, g->lower_until);
    n->raise_until = mono_before(now, g->raise_until);
    n->lower_off = g->lower_off.ns == WALK_NOW_NS;
    n->permit = g->permit_until.ns == INT64_MAX ? 0 : mono_before(now, g->permit_until) ? 1 : 2;
    n->hand = mono_before(now, g->hand_until);
}

/* ---- a write ---- */

static bool is_broken(uint32_t active)
{
    uint32_t limits = INPUT_BIT(INPUT_LIMIT_OPEN) | INPUT_BIT(INPUT_LIMIT_CLOSED);
    return (active & INPUT_BIT(INPUT_FAULT)) || (active & limits) == limits;
}

/* Rules 1, 3 and 4 for all that makes the boom come down. */
static const char *may_come_down(const struct at_wire *w, const struct lane_scan *latest)
{
    uint32_t active = latest->active & latest->wired;
    RULE(!(active & UNDER), "rule 1: a lower onto something");
    RULE(w->clear == 2, "rule 1: a lower before the way was clear for the set time");
    RULE(!w->raising, "rule 2: a lower while the guard raises");
    RULE(!is_broken(active) && !(active & INPUT_BIT(INPUT_BOOM_OFF)),
         "rule 3: a lower under a fault");
    RULE(!(latest->wired & INPUT_BIT(INPUT_MAINS_OK)) || (active & INPUT_BIT(INPUT_MAINS_OK)),
         "rule 4: a lower on the battery");
    return NULL;
}

static const char *is_open(const struct lane_scan *latest)
{
    RULE(latest->active & latest->wired & INPUT_BIT(INPUT_LIMIT_OPEN),
         "a lower of a boom that is not open");
    return NULL;
}

/* A kept raise contact: letting go of it is a lower. */
static const char *may_let_go(const struct guard *g, const struct at_wire *w,
                              const struct lane_scan *latest, const struct lane_order *o)
{
    (void)g;
    RULE(latest->contact, "rule 4: let go of without contact");
    RULE(o->id == 0 || o->expires.ns >= WALK_NOW_NS, "rule 6: let go of too late");
    if (latest->active & latest->wired & HANDS_OFF) {
        return NULL;
    }
    const char *violation = is_open(latest);
    return violation ? violation : may_come_down(w, latest);
}

/* Of what says that it is well or not. */
static bool is_unwell(const struct lane_scan *s)
{
    return (s->wired & ~s->active & HEALTHY) != 0;
}

static const char *may_lower_by_hand(const struct guard *g, const struct lane_scan *latest,
                                     const struct lane_order *o)
{
    RULE(g->config->manual_lower, "rule 7: lowered by hand in a lane that declares none");
    RULE(!is_unwell(latest), "rule 7: lowered by hand with a detector that is not healthy");
    RULE(o->pulse_ms > 0 && o->pulse_ms <= BEAT_MS &&
             o->expires.ns <= WALK_NOW_NS + (int64_t)BEAT_MS * MS,
         "rule 7: a lower by hand for longer than a beat");
    return NULL;
}

static const char *may_lower_itself(const struct guard *g, const struct lane_scan *latest)
{
    RULE(g->config->lower_automatically, "rule 7: a lower in a lane that declares none");
    RULE((latest->active & latest->wired & HEALTHY) == HEALTHY,
         "rule 7: a lower without both detectors healthy");
    return is_open(latest);
}

static const char *may_lower(const struct guard *g, const struct at_wire *w,
                             const struct lane_scan *latest, const struct lane_order *o)
{
    RULE(g->config->feedback == FEEDBACK_BOTH && !g->config->raise_maintained,
         "rule 6: a lower that nothing confirms");
    const char *violation =
        o->hold_to_run ? may_lower_by_hand(g, latest, o) : may_lower_itself(g, latest);
    if (violation) {
        return violation;
    }
    RULE(!w->raise_on && !(latest->outputs & OUTPUT_BIT(OUTPUT_RAISE)),
         "rule 2: a lower while raise is on");
    return may_come_down(w, latest);
}

static const char *may_move(const struct guard *g, const struct at_wire *w,
                            const struct lane_scan *latest, const struct lane_order *o)
{
    uint32_t active = latest->active & latest->wired;
    RULE(latest->contact, "rule 4: a motion without contact");
    RULE(!(active & HANDS_OFF), "rule 3: a motion under local control or emergency stop");
    if (o->output == OUTPUT_LOWER) {
        return may_lower(g, w, latest, o);
    }
    RULE(!w->lower_on, "rule 2: a raise while lower is on");
    RULE(!(latest->outputs & OUTPUT_BIT(OUTPUT_LOWER)) || w->let_go,
         "rule 2: a raise while lower is read back");
    RULE(o->emergency || !is_broken(active), "rule 3: a raise under a fault");
    return NULL;
}

/* What must go through: off, a stop in time, an urgent raise when nothing speaks against it. */
static bool must_pass(const struct guard *g, const struct at_wire *w, const struct lane_order *o)
{
    uint32_t active = g->latest.active & g->latest.wired;
    bool late = o->expires.ns < WALK_NOW_NS;
    bool lower = w->lower_on || (g->latest.outputs & OUTPUT_BIT(OUTPUT_LOWER)) != 0;
    bool lets_go = o->output == OUTPUT_RAISE && g->config->raise_maintained;
    return (!o->on && !lets_go) || (o->on && !late && o->output == OUTPUT_STOP) ||
           (o->on && !late && o->output == OUTPUT_RAISE && o->emergency && g->latest.contact &&
            !(active & HANDS_OFF) && !lower);
}

static void note_write(struct at_wire *w, const struct lane_order *o, bool done, bool kept)
{
    if (o->output == OUTPUT_LOWER) {
        w->lower_on = o->on || (w->lower_on && !done);
        w->lowering |= o->on;
        w->let_go = o->on ? 0 : w->let_go | done;
        w->permit = o->on ? o->hold_to_run : w->permit;
        w->hand = o->on ? o->hold_to_run : w->hand;
    } else if (o->output == OUTPUT_RAISE) {
        w->raise_on = o->on || (w->raise_on && !done);
        w->lowering |= !o->on && kept; /* from here it closes by itself */
        w->lowering &= !(o->on && done);
        w->permit = o->on && done ? 0 : w->permit;
        w->failed = o->on && w->raising ? !done : w->failed;
        w->wait |= o->on && w->raising;
    } else if (o->output == OUTPUT_STOP) {
        w->lowering &= !(o->on && done);
        w->permit = o->on && done ? 0 : w->permit;
    }
}

/* `latest`: the newest scan, which the guard need not have seen yet. */
static const char *write_order(struct guard *g, struct at_wire *w, const struct lane_order *o,
                               const struct lane_scan *latest, bool done)
{
    char reason[GUARD_REASON_SIZE];
    bool allowed = guard_allows(g, o, latest, now, reason);
    if (!allowed) {
        RULE(!must_pass(g, w, o), "an order that protects is refused");
        return NULL;
    }
    RULE(!o->on || o->expires.ns >= WALK_NOW_NS, "rule 6: a late order is written");
    bool lets_go = !o->on && o->output == OUTPUT_RAISE && g->config->raise_maintained;
    if (lets_go || (o->on && o->output != OUTPUT_STOP)) {
        const char *violation = lets_go ? may_let_go(g, w, latest, o) : may_move(g, w, latest, o);
        if (violation) {
            return violation;
        }
    }
    guard_wrote(g, o, done, now);
    note_write(w, o, done, g->config->raise_maintained);
    return NULL;
}

/* ---- a scan ---- */

static void note_scan(const struct lane_scan *s, struct at_wire *w, bool kept)
{
    uint32_t active = s->active & s->wired;
    bool open = (active & INPUT_BIT(INPUT_LIMIT_OPEN)) != 0;
    if (!s->contact) {
        w->clear = 0;
        return;
    }
    w->clear = active & UNDER ? 0 : w->clear == 0 ? 1 : w->clear;
    if (active & INPUT_BIT(INPUT_EMERGENCY_STOP)) { /* it ends a raise; its release begins none */
        w->raising = 0;
        w->failed = 0;
    }
    w->raising &= !open || (w->wait && !kept); /* a limit just left may bounce */
}

/* Rule 1: stop and raise on this very scan. */
static void must_act(const struct lane_scan *s, const struct at_wire *w, bool kept, bool *out_all,
                     bool *out_raise)
{
    uint32_t active = s->active & s->wired;
    bool down = (active & INPUT_BIT(INPUT_LIMIT_CLOSED)) && !(active & INPUT_BIT(INPUT_LIMIT_OPEN));
    bool coming =
        (w->lowering && !down) || w->lower_on || (s->outputs & OUTPUT_BIT(OUTPUT_LOWER)) != 0;
    bool unwell = w->hand ? is_unwell(s) : (active & HEALTHY) != HEALTHY;
    bool danger = (active & UNDER) || (!kept && unwell);
    bool may = s->contact && !(active & HANDS_OFF);
    uint32_t busy = OUTPUT_BIT(OUTPUT_RAISE) | OUTPUT_BIT(OUTPUT_STOP);
    *out_all = may && ((coming && danger) || (w->raising && w->failed && !w->give_up));
    *out_raise = may && w->raising && !w->give_up && !w->wait && !(s->outputs & busy);
}

static const char *check_orders(const struct guard *g, const struct lane_order *orders,
                                uint32_t count, bool all, bool raise, bool stops)
{
    static const enum lane_output sequence[] = {OUTPUT_LOWER, OUTPUT_STOP, OUTPUT_RAISE};
    for (uint32_t i = 0; i < count; i++) {
        RULE(orders[i].output <= OUTPUT_STOP && orders[i].emergency, "what the guard orders");
        RULE(!orders[i].on || orders[i].output != OUTPUT_LOWER, "the guard lowers");
        bool kept = orders[i].output == OUTPUT_RAISE && g->config->raise_maintained;
        RULE(!orders[i].on || kept == (orders[i].pulse_ms == 0), "rule 2: a pulse without a bound");
        RULE(orders[i].pulse_ms <= 5000, "rule 2: a pulse without a bound");
        RULE(orders[i].expires.ns > WALK_NOW_NS, "rule 6: the guard's order is late");
    }
    RULE(!(g->latest.active & g->latest.wired & HANDS_OFF) || count == 0,
         "rule 3: the guard acts under local control or emergency stop");
    RULE(g->latest.contact || count == 0, "rule 4: the guard acts without contact");
    if (stops && !all && !raise) {
        RULE(count == 2 && orders[0].output == OUTPUT_LOWER && orders[1].output == OUTPUT_STOP &&
                 orders[1].on,
             "rule 7: a lower by hand that nobody renews is not stopped");
    }
    if (!all) {
        RULE(!raise || count > 0, "rule 1: the guard gives up before the boom is up");
        return NULL;
    }
    uint32_t at = 0;
    for (size_t i = 0; i < sizeof(sequence) / sizeof(sequence[0]); i++) {
        if (!(g->config->outputs_wired & OUTPUT_BIT(sequence[i]))) {
            continue;
        }
        RULE(at < count && orders[at].output == sequence[i] &&
                 orders[at].on == (sequence[i] != OUTPUT_LOWER),
             "rule 1: no lower off, stop and raise on this scan");
        at++;
    }
    return NULL;
}

static const char *take_scan(struct guard *g, struct at_wire *w, const struct lane_config *config,
                             const struct guard_move *m)
{
    struct lane_order orders[GUARD_ORDERS_MAX];
    struct lane_scan scan = {.lane = config->lane,
                             .number = 1,
                             .at = now,
                             .contact = (m->b & NO_CONTACT) == 0,
                             .wired = config->wired,
                             .active = m->a,
                             .outputs = m->b & COILS & config->outputs_wired,
                             .outputs_wired = config->outputs_wired};
    bool all, raise;
    w->let_go = 0;
    g->lower_off.ns = 0; /* before this scan */
    note_scan(&scan, w, config->raise_maintained);
    must_act(&scan, w, config->raise_maintained, &all, &raise);
    uint32_t count = guard_scan(g, &scan, orders);
    uint32_t seen = scan.active & scan.wired;
    bool down = (seen & INPUT_BIT(INPUT_LIMIT_CLOSED)) && !(seen & INPUT_BIT(INPUT_LIMIT_OPEN));
    bool stops = w->permit == 2 && scan.contact && !(seen & HANDS_OFF) && !down;
    const char *violation = check_orders(g, orders, count, all, raise, stops);
    if (scan.contact && !(seen & HANDS_OFF) && !all && !raise && w->permit == 2 && down) {
        w->permit = 0; /* it is where it was to go */
    }
    if (!violation && count > 0 && !all && !w->raising && !stops) {
        violation = "rule 3: the guard raises for no cause, or after an emergency stop";
    }
    if (all) {
        w->give_up = 0;
        w->raising = 1;
        w->failed = 0;
        w->lowering = 0;
        w->permit = 0;
    }
    for (uint32_t i = 0; !violation && i < count; i++) {
        violation = write_order(g, w, &orders[i], &g->latest, (m->c >> i & 1) != 0);
    }
    return violation;
}

static const char *take_order(struct guard *g, struct at_wire *w, const struct lane_config *config,
                              const struct guard_move *m)
{
    bool kept = config->raise_maintained;
    struct lane_scan latest = g->latest;
    latest.active |= m->b & UNDER_NOW ? config->wired & UNDER : 0;
    struct lane_order order = {
        .id = 1,
        .lane = config->lane,
        .output = (enum lane_output)m->a,
        .on = (m->b & ON) != 0,
        .pulse_ms = m->b & ON && !(kept && m->a == OUTPUT_RAISE) ? config->pulse_ms : 0,
        .emergency = (m->b & URGENT) != 0,
        .hold_to_run = (m->b & BY_HAND) != 0,
        .expires = {WALK_NOW_NS + (m->b & LATE ? -1 : 1)}};
    if (m->b & BY_HAND) {
        order.pulse_ms = m->b & LEVEL ? 0 : order.pulse_ms;
        order.expires.ns =
            m->b & TOO_LONG ? WALK_NOW_NS + (int64_t)(BEAT_MS + 1) * MS : order.expires.ns;
    }
    return write_order(g, w, &order, &latest, m->c);
}

/* What the guard reckons runs out, and with it what it stands for at the wire, which is shorter. */
static void take_time(struct guard_node *n, enum guard_time which)
{
    switch (which) {
    case TIME_CLEAR:
        n->free_since = n->free_since == 1 ? 2 : n->free_since;
        n->wire.clear = n->wire.clear == 1 ? 2 : n->wire.clear;
        break;
    case TIME_LOWERING:
        n->wire.lowering = 0;
        n->lowering = 0;
        break;
    case TIME_RAISING:
        n->raising_until = 0;
        n->wire.give_up = n->wire.raising;
        break;
    case TIME_AGAIN:
        n->raise_again = 0;
        n->wire.wait = 0;
        break;
    case TIME_LOWER:
        n->wire.lower_on = n->lower_until ? 0 : n->wire.lower_on;
        n->lower_until = 0;
        break;
    case TIME_RAISE:
        n->wire.raise_on = n->raise_until ? 0 : n->wire.raise_on;
        n->raise_until = 0;
        break;
    case TIME_PERMIT:
        n->wire.permit = n->wire.permit == 1 ? 2 : n->wire.permit;
        n->permit = n->permit == 1 ? 2 : n->permit;
        break;
    case TIME_HAND:
        n->wire.hand = 0;
        n->hand = 0;
        break;
    case TIMES:
        break;
    }
}

static const char *take(const struct lane_config *config, const struct guard_node *from,
                        const struct guard_move *m, struct guard_node *out)
{
    struct guard g;
    *out = *from;
    if (m->kind == GUARD_TIME) {
        take_time(out, (enum guard_time)m->a);
        return NULL;
    }
    to_guard(from, config, &g);
    const char *violation = m->kind == GUARD_SCAN ? take_scan(&g, &out->wire, config, m)
                                                  : take_order(&g, &out->wire, config, m);
    from_guard(&g, out);
    return violation;
}

/* ---- moves ---- */

struct moves {
    struct guard_move all[WALK_MOVES_MAX];
    int count;
};

static void put(struct moves *m, enum guard_move_kind kind, uint32_t a, uint32_t b, uint32_t c)
{
    if (m->count < WALK_MOVES_MAX) {
        m->all[m->count++] =
            (struct guard_move){.kind = (uint8_t)kind, .a = a, .b = (uint8_t)b, .c = (uint8_t)c};
    }
}

static void scans(const struct guard_family *f, const struct guard_node *n, struct moves *m)
{
    for (uint32_t done = 0; done < ORDERS_ANSWERED; done++) {
        put(m, GUARD_SCAN, n->active, n->outputs, done);
        for (int i = 0; i < INPUT_COUNT; i++) {
            if (f->inputs & INPUT_BIT(i)) {
                put(m, GUARD_SCAN, n->active ^ INPUT_BIT(i), n->outputs, done);
            }
        }
        for (int i = OUTPUT_RAISE; f->coils && i <= OUTPUT_STOP; i++) {
            put(m, GUARD_SCAN, n->active, n->outputs ^ OUTPUT_BIT(i), done);
        }
    }
    put(m, GUARD_SCAN, n->active, n->outputs | NO_CONTACT, 0);
}

static void guard_moves(const struct guard_family *f, const struct guard_node *n, struct moves *m)
{
    m->count = 0;
    scans(f, n, m);
    for (uint32_t output = OUTPUT_RAISE; output <= OUTPUT_STOP; output++) {
        for (uint32_t kind = 0; kind < KINDS_OF_ORDER; kind++) {
            put(m, GUARD_ORDER, output, kind, true);
            put(m, GUARD_ORDER, output, kind, false);
        }
    }
    for (uint32_t kind = ON; f->by_hand && kind < BY_HAND; kind += LATE) { /* on, late, under */
        for (uint32_t odd = 0; odd <= (TOO_LONG | LEVEL); odd += TOO_LONG) {
            put(m, GUARD_ORDER, OUTPUT_LOWER, kind | BY_HAND | odd, true);
            put(m, GUARD_ORDER, OUTPUT_LOWER, kind | BY_HAND | odd, false);
        }
    }
    for (uint32_t which = 0; which < TIMES; which++) {
        put(m, GUARD_TIME, which, 0, 0);
    }
}

/* ---- the search ---- */

static void print_move(const struct guard_move *m)
{
    static const char *const kinds[] = {"scan", "order", "time"};
    printf("  %s", kinds[m->kind]);
    if (m->kind == GUARD_SCAN) {
        for (int i = 0; i < INPUT_COUNT; i++) {
            if (m->a & INPUT_BIT(i)) {
                printf(" %s", lane_input_name((enum lane_input)i));
            }
        }
        printf("%s coils %x acknowledged %x\n", m->b & NO_CONTACT ? " no contact" : "",
               m->b & COILS, m->c);
    } else if (m->kind == GUARD_ORDER) {
        printf(" %s %s%s%s%s%s\n", lane_output_name((enum lane_output)m->a),
               m->b & ON ? "on" : "off", m->b & BY_HAND ? " by hand" : "",
               m->b & URGENT ? " emergency" : "", m->b & LATE ? " late" : "",
               m->c ? "" : " not acknowledged");
    } else {
        printf(" %u runs out\n", m->a);
    }
}

static void print_way(const struct state_set *set, uint32_t id, const struct guard_move *last)
{
    struct guard_move way[256];
    int length = 0;
    for (uint32_t at = id; at != 0 && length < 256; at = set->parents[at]) {
        memcpy(&way[length++], &set->moves[at], sizeof(way[0]));
    }
    while (length > 0) {
        print_move(&way[--length]);
    }
    print_move(last);
}

static void add(struct state_set *set, const struct guard_node *node, uint32_t parent,
                const struct guard_move *move)
{
    static uint8_t packed[STATE_PACKED_MAX];
    uint64_t code;
    _Static_assert(sizeof(*move) == sizeof(code), "a move is kept as one word");
    memcpy(&code, move, sizeof(code));
    size_t size = state_pack(node, sizeof(*node), NULL, 0, packed);
    (void)state_set_add(set, packed, size, parent, code); /* new or not: both are right */
}

static void configure(const struct guard_family *f, struct lane_config *config)
{
    lane_config_defaults(config, 1);
    config->wired = f->inputs | f->always;
    config->outputs_wired = COILS;
    config->lower_automatically = f->declared;
    config->person_device = true;
    config->vehicle_detector = true;
    config->raise_maintained = f->kept;
    config->manual_lower = f->by_hand && !f->undeclared;
    config->feedback = f->feedback;
    if (f->kept) {
        config->auto_close = AUTO_CLOSE_LOOP;
        config->outputs_wired ^= OUTPUT_BIT(OUTPUT_LOWER);
    }
}

void guard_walk(const struct guard_family *f, uint32_t states_max, struct walk_result *out)
{
    static uint8_t packed[STATE_PACKED_MAX];
    static struct moves moves;
    struct lane_config config;
    struct state_set set;
    struct guard_node node, next;
    size_t size;
    uint32_t id;
    memset(out, 0, sizeof(*out));
    memset(&node, 0, sizeof(node));
    configure(f, &config);
    node.active = f->always;
    state_set_init(&set);
    add(&set, &node, 0, &(struct guard_move){.kind = GUARD_TIME});
    while (!out->violation && set.count < states_max && state_set_next(&set, packed, &size, &id)) {
        state_unpack(packed, size, &node, sizeof(node));
        guard_moves(f, &node, &moves);
        for (int i = 0; !out->violation && i < moves.count; i++) {
            out->violation = take(&config, &node, &moves.all[i], &next);
            out->transitions++;
            if (out->violation) {
                printf("%s: %s\n", f->name, out->violation);
                print_way(&set, id, &moves.all[i]);
            } else {
                add(&set, &next, id, &moves.all[i]);
            }
        }
    }
    out->states = set.count;
    out->closed = !out->violation && set.waiting == 0;
    state_set_fini(&set);
}

#define IN(name) INPUT_BIT(INPUT_##name)

const struct guard_family guard_families[] = {
    {.name = "guard",
     .inputs = IN(LIMIT_OPEN) | IN(LIMIT_CLOSED) | IN(PRESENCE) | IN(OBSTACLE) | IN(PERSON_OK) |
               IN(DETECTOR_OK),
     .declared = true},
    {.name = "guard_coils",
     .inputs = IN(LIMIT_OPEN) | IN(PRESENCE),
     .always = IN(PERSON_OK) | IN(DETECTOR_OK),
     .coils = true,
     .declared = true},
    {.name = "guard_safety",
     .inputs = IN(LIMIT_OPEN) | IN(PRESENCE) | IN(LOCAL_CONTROL) | IN(EMERGENCY_STOP) | IN(FAULT) |
               IN(BOOM_OFF),
     .always = IN(PERSON_OK) | IN(DETECTOR_OK),
     .declared = true},
    {.name = "guard_whole",
     .inputs = IN(LIMIT_OPEN) | IN(LIMIT_CLOSED) | IN(PRESENCE) | IN(OBSTACLE) | IN(PERSON_OK) |
               IN(DETECTOR_OK) | IN(LOCAL_CONTROL) | IN(EMERGENCY_STOP) | IN(FAULT) | IN(BOOM_OFF),
     .coils = true,
     .declared = true,
     .large = true},
    {.name = "guard_hand",
     .inputs = IN(LIMIT_OPEN) | IN(LIMIT_CLOSED) | IN(PRESENCE) | IN(LOCAL_CONTROL) | IN(FAULT),
     .by_hand = true},
    {.name = "guard_hand_health",
     .inputs = IN(LIMIT_OPEN) | IN(OBSTACLE) | IN(PERSON_OK) | IN(DETECTOR_OK),
     .coils = true,
     .by_hand = true,
     .declared = true,
     .large = true},
    {.name = "guard_hand_undeclared",
     .inputs = IN(LIMIT_OPEN) | IN(OBSTACLE),
     .always = IN(PERSON_OK) | IN(DETECTOR_OK),
     .undeclared = true,
     .by_hand = true},
    {.name = "guard_mains",
     .inputs = IN(LIMIT_OPEN) | IN(PRESENCE) | IN(MAINS_OK),
     .always = IN(PERSON_OK) | IN(DETECTOR_OK),
     .declared = true},
    {.name = "guard_feedback",
     .inputs = IN(LIMIT_OPEN) | IN(PRESENCE),
     .always = IN(PERSON_OK) | IN(DETECTOR_OK),
     .feedback = FEEDBACK_OPEN,
     .declared = true},
    {.name = "guard_kept",
     .inputs = IN(LIMIT_OPEN) | IN(PRESENCE) | IN(LOCAL_CONTROL) | IN(FAULT),
     .coils = true,
     .kept = true},
    {.name = "guard_undeclared",
     .inputs = IN(LIMIT_OPEN) | IN(OBSTACLE),
     .always = IN(PERSON_OK) | IN(DETECTOR_OK)},
};
const int guard_family_count = sizeof(guard_families) / sizeof(guard_families[0]);
