/* What can happen next in a state: every move of a family, and the event it stands for. */
#include <stdio.h>
#include <string.h>

#include "lane_walk.h"

enum {
    HANDS_OFF = INPUT_BIT(INPUT_LOCAL_CONTROL) | INPUT_BIT(INPUT_EMERGENCY_STOP),
    BOOM_COILS = OUTPUT_BIT(OUTPUT_RAISE) | OUTPUT_BIT(OUTPUT_LOWER) | OUTPUT_BIT(OUTPUT_STOP),
    OLD_ORDER = 9,
    REGAIN_ALL = 6, /* so many inputs or fewer: any combination when contact comes back */
    SIGN_NAMED = 1, /* of a release */
    SIGN_SECOND = 2,
    SIGN_LEADER = 4,
    SIGN_BITS = 3,
    TOO_LONG = 4,       /* of a convoy */
    RESTORE_CONVOY = 1, /* of a restart: what else was so */
    RESTORE_PRESSED = 2,
    ONE_MISSING = 9, /* of a hold restored: one may be, nobody knows which */
    AGAIN = 1 << 4,  /* of a read's `b`: more than its kind */
    UNPLACED = 1 << 5,
    PERHAPS_MORE = 1 << 6,
    NEW_PASSAGE = 250,     /* of a read's `a`: a place in the queue, or … */
    HELD_PASSAGE = 200,    /* … + a place among the holds, or … */
    UNKNOWN_PASSAGE = 251, /* … one that is not followed any more */
    BEAT_FRESH = 0,
    BEAT_STALE = 1,
    BEAT_END = 2,
    OTHER_PRESS = 1000,
    MS_NS = 1000 * 1000
};

struct list {
    struct move *out;
    int count;
};

static void put(struct list *l, struct move move)
{
    if (l->count < WALK_MOVES_MAX) {
        l->out[l->count++] = move;
    }
}

static void put_event(struct list *l, enum lane_event_kind event, int a, int b)
{
    put(l, (struct move){.event = (uint8_t)event,
                         .a = (uint8_t)a,
                         .b = (uint8_t)b,
                         .due = DUE_NONE,
                         .due_too = DUE_NONE});
}

static void put_scan(struct list *l, uint32_t active, uint32_t flags)
{
    put(l, (struct move){.event = LANE_EVENT_SCAN,
                         .a = (uint8_t)flags,
                         .active = (uint16_t)active,
                         .due = DUE_NONE,
                         .due_too = DUE_NONE});
}

/* ---- scans ---- */

/* One look with these inputs: with and without the guard, any coils, lamps as ordered or not. */
static void scans_with(const struct family *f, const struct lane_config *config, uint32_t active,
                       struct list *l)
{
    uint32_t wired = f->coils ? config->outputs_wired & BOOM_COILS : 0, coils = 0;
    do { /* every subset of the coils */
        put_scan(l, active, coils);
        if ((f->events & WALK_GUARD_ACTED) && !(active & HANDS_OFF)) {
            put_scan(l, active, coils | SCAN_GUARD);
        }
        if (f->events & WALK_LET_GO) {
            put_scan(l, active, coils | SCAN_LET_GO);
        }
        if (f->events & WALK_LAMP_FAULT) {
            put_scan(l, active, coils | SCAN_LAMP_FAULT);
        }
        coils = (coils - wired) & wired;
    } while (coils != 0);
}

static void scans(const struct family *f, const struct lane_config *config,
                  const struct lane_state *s, struct list *l)
{
    bool all = f->product || (!s->contact && __builtin_popcount(f->inputs) <= REGAIN_ALL);
    if (all) {
        uint32_t chosen = 0;
        do { /* every subset of the inputs */
            scans_with(f, config, chosen | f->always, l);
            chosen = (chosen - f->inputs) & f->inputs;
        } while (chosen != 0);
    } else {
        uint32_t was = (s->raw & f->inputs) | f->always;
        scans_with(f, config, was, l);
        for (int i = 0; i < INPUT_COUNT; i++) {
            if (f->inputs & INPUT_BIT(i)) {
                scans_with(f, config, was ^ INPUT_BIT(i), l);
            }
        }
    }
    if (f->events & WALK_NO_CONTACT) {
        put_scan(l, 0, SCAN_NO_CONTACT);
    }
}

/* ---- reads ---- */

static void reads(const struct family *f, const struct lane_state *s, struct list *l)
{
    for (int kind = 0; kind < READ_KINDS; kind++) {
        if (!(f->reads & (1u << kind))) {
            continue;
        }
        put_event(l, LANE_EVENT_PASSAGE, NEW_PASSAGE, kind);
        if (f->events & WALK_UNPLACED) {
            put_event(l, LANE_EVENT_PASSAGE, NEW_PASSAGE, kind | UNPLACED);
            put_event(l, LANE_EVENT_PASSAGE, NEW_PASSAGE, kind | UNPLACED | PERHAPS_MORE);
        }
        if (!(f->events & WALK_AGAIN)) {
            continue;
        }
        for (int i = 0; i < s->count; i++) {
            if (s->queue[i].passage != 0) {
                put_event(l, LANE_EVENT_PASSAGE, i, kind);
            }
        }
        for (int i = 0; i < s->hold_count; i++) {
            if (s->holds[i].passage != 0) {
                put_event(l, LANE_EVENT_PASSAGE, HELD_PASSAGE + i, kind);
                put_event(l, LANE_EVENT_PASSAGE, HELD_PASSAGE + i, kind | AGAIN);
            }
        }
        put_event(l, LANE_EVENT_PASSAGE, UNKNOWN_PASSAGE, kind);
        put_event(l, LANE_EVENT_PASSAGE, UNKNOWN_PASSAGE, kind | AGAIN);
    }
}

static void add_hit(struct lane_passage_event *p, uint64_t entry)
{
    p->hits[p->hit_count++] = (struct lane_hit){.hit = entry,
                                                .entry = entry,
                                                .priority = (uint8_t)entry,
                                                .holds = entry != WALK_ENTRY_QUIET};
}

static void read_event(const struct lane_state *s, const struct move *m,
                       struct lane_passage_event *p)
{
    uint32_t kind = 1u << (m->b & (AGAIN - 1));
    if (m->a == NEW_PASSAGE) {
        p->passage = s->last_passage + 1;
    } else if (m->a == UNKNOWN_PASSAGE) {
        p->passage = WALK_OLD_PASSAGE;
    } else if (m->a >= HELD_PASSAGE) {
        p->passage = s->holds[m->a - HELD_PASSAGE].passage;
    } else if (m->a < LANE_QUEUE_MAX) {
        p->passage = s->queue[m->a].passage;
    }
    p->again = (m->b & AGAIN) != 0;
    p->unplaced = (m->b & UNPLACED) != 0;
    p->perhaps_more = (m->b & PERHAPS_MORE) != 0;
    decision_init(&p->decision);
    p->authenticity =
        kind & (READ_UNAUTHENTICATED | READ_EXEMPT_UNAUTHENTICATED) ? AUTH_NONE : AUTH_TAG;
    p->cleared = (kind & (READ_UNCLEARED | READ_TOP | READ_SECOND | READ_BOTH | READ_EXEMPT)) == 0;
    p->decision.raise = (kind & (READ_NOT_RAISED | READ_EXEMPT | READ_EXEMPT_UNAUTHENTICATED)) == 0;
    p->exempt = (kind & (READ_EXEMPT | READ_EXEMPT_UNAUTHENTICATED)) != 0;
    p->inspect = kind & READ_DUE       ? LANE_INSPECT_DUE
                 : kind & READ_NOT_DUE ? LANE_INSPECT_NOT
                                       : LANE_INSPECT_UNSAID;
    p->decision.lights = kind & READ_YELLOW ? DECISION_LIGHTS_YELLOW : DECISION_LIGHTS_UNCHANGED;
    if (kind & READ_TOP) {
        add_hit(p, WALK_ENTRY_TOP);
        p->decision.siren = true;
    }
    if (kind & (READ_SECOND | READ_BOTH)) {
        add_hit(p, WALK_ENTRY_SECOND);
    }
    if (kind & (READ_QUIET | READ_BOTH)) {
        add_hit(p, WALK_ENTRY_QUIET);
    }
}

/* ---- the rest ---- */

static void acts(const struct family *f, const struct lane_state *s, struct list *l)
{
    static const struct {
        uint32_t bit;
        enum lane_act_kind act;
    } all[] = {{WALK_EMERGENCY, LANE_ACT_EMERGENCY_RAISE},
               {WALK_STOP, LANE_ACT_STOP},
               {WALK_ACK, LANE_ACT_ACK},
               {WALK_HOLD, LANE_ACT_HOLD},
               {WALK_CONVOY, LANE_ACT_CONVOY},
               {WALK_CONVOY, LANE_ACT_CONVOY_END},
               {WALK_SERVICE, LANE_ACT_OUT_OF_SERVICE},
               {WALK_SERVICE, LANE_ACT_IN_SERVICE},
               {WALK_TEST, LANE_ACT_TEST_RAISE},
               {WALK_TEST, LANE_ACT_TEST_STOP},
               {WALK_TEST, LANE_ACT_TEST_LOWER}};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        if (f->events & all[i].bit) {
            put_event(l, LANE_EVENT_ACT, (int)all[i].act, SIGN_NAMED);
            bool resets = all[i].act == LANE_ACT_ACK && alarm_on(s, EVENT_LANE_STOP_NOT_RESET);
            if (resets || (all[i].bit & (WALK_CONVOY | WALK_SERVICE))) {
                put_event(l, LANE_EVENT_ACT, (int)all[i].act, 0);
            }
        }
    }
    if (f->events & WALK_RAISE) {
        put_event(l, LANE_EVENT_ACT, LANE_ACT_RAISE, SIGN_NAMED);
        put_event(l, LANE_EVENT_ACT, LANE_ACT_RAISE, 0);
    }
    if (f->events & WALK_CONVOY) {
        put_event(l, LANE_EVENT_ACT, LANE_ACT_CONVOY, SIGN_NAMED | TOO_LONG);
    }
    if (f->events & WALK_HAND) {
        put_event(l, LANE_EVENT_ACT, LANE_ACT_LOWER, SIGN_NAMED);
        put_event(l, LANE_EVENT_ACT, LANE_ACT_LOWER, 0);
        put_event(l, LANE_EVENT_BEAT, true, BEAT_FRESH);
        put_event(l, LANE_EVENT_BEAT, true, BEAT_STALE);
        put_event(l, LANE_EVENT_BEAT, true, BEAT_END);
        put_event(l, LANE_EVENT_BEAT, false, BEAT_FRESH); /* of another press */
        put_event(l, LANE_EVENT_BEAT, false, BEAT_END);
    }
    for (int i = 0; (f->events & WALK_INSPECT) && i <= s->count; i++) { /* 0: the unread one */
        put_event(l, LANE_EVENT_ACT, LANE_ACT_INSPECTED, SIGN_NAMED | i << SIGN_BITS);
        put_event(l, LANE_EVENT_ACT, LANE_ACT_INSPECTED, i << SIGN_BITS);
    }
    if (!(f->events & WALK_RELEASE)) {
        return;
    }
    static const int signs[] = {0,
                                SIGN_NAMED,
                                SIGN_SECOND | SIGN_LEADER,
                                SIGN_NAMED | SIGN_SECOND,
                                SIGN_NAMED | SIGN_LEADER,
                                SIGN_NAMED | SIGN_SECOND | SIGN_LEADER};
    for (size_t k = 0; k < sizeof(signs) / sizeof(signs[0]); k++) {
        int sign = signs[k]; /* `b`: the signature and which hold */
        for (int i = 0; i < s->hold_count; i++) {
            put_event(l, LANE_EVENT_ACT, LANE_ACT_RELEASE, sign | (i + 1) << SIGN_BITS);
        }
        for (int i = 0; i < s->count; i++) {
            if (s->queue[i].hold.id != 0) {
                put_event(l, LANE_EVENT_ACT, LANE_ACT_RELEASE,
                          sign | (i + 1 + LANE_HOLDS_MAX) << SIGN_BITS);
            }
        }
    }
    put_event(l, LANE_EVENT_ACT, LANE_ACT_RELEASE, SIGN_NAMED | SIGN_SECOND | SIGN_LEADER);
}

static void answers(const struct family *f, const struct lane_state *s, struct list *l)
{
    for (int i = 0; (f->events & WALK_COMMIT) && i < LANE_COMMITS_MAX; i++) {
        if (s->commits[i].kind != COMMIT_NONE) {
            put_event(l, LANE_EVENT_COMMIT, i + 1, true);
            put_event(l, LANE_EVENT_COMMIT, i + 1, false);
        }
    }
    if (!(f->events & WALK_OUTCOME)) {
        return;
    }
    for (int result = ORDER_DONE; result <= ORDER_FAILED; result++) {
        if (result != ORDER_DONE && result != ORDER_FAILED && !(f->events & WALK_RESULTS)) {
            continue;
        }
        if (s->motion_order != 0) {
            put_event(l, LANE_EVENT_OUTCOME, 1, result);
        }
        if (s->stop_order != 0) {
            put_event(l, LANE_EVENT_OUTCOME, 2, result);
        }
        if (s->let_go_order != 0) {
            put_event(l, LANE_EVENT_OUTCOME, 3, result);
        }
    }
    put_event(l, LANE_EVENT_OUTCOME, 4, ORDER_DONE); /* of an order of long ago */
    put_event(l, LANE_EVENT_OUTCOME, 4, ORDER_FAILED);
}

static void knowledge(const struct family *f, const struct lane_state *s, struct list *l)
{
    if (f->events & WALK_MATCH) {
        put_event(l, LANE_EVENT_MATCH_LOST, 0, 0);
    }
    if ((f->events & WALK_MATCH) || (f->reads != 0 && s->blind)) {
        put_event(l, LANE_EVENT_MATCH_ALIVE, 0, 0);
    }
    if ((f->events & WALK_LIST) || (f->reads != 0 && !s->list_usable)) {
        put_event(l, LANE_EVENT_LIST, !s->list_usable, 0);
    }
    if (f->events & WALK_JOURNAL) {
        put_event(l, LANE_EVENT_JOURNAL, !s->journal_commits, 0);
    }
    if (f->events & WALK_GUIDED) {
        put_event(l, LANE_EVENT_GUIDED_TEST, s->timer[TIMER_GUIDED].ns == 0, 0);
    }
    for (int entry = WALK_ENTRY_TOP; (f->events & WALK_WITHDRAW) && entry <= WALK_ENTRY_QUIET;
         entry++) {
        put_event(l, LANE_EVENT_WITHDRAWAL, entry, 0);
    }
    for (int i = 0; (f->events & WALK_SEEN) && i < s->count; i++) {
        if (s->queue[i].passage != 0) {
            put_event(l, LANE_EVENT_SEEN_AT_BOOM, i, 0);
        }
    }
    if ((f->events & WALK_SERVICE) && !s->seen) {
        put_event(l, LANE_EVENT_RESTORE_SERVICE, true, 0);
        put_event(l, LANE_EVENT_RESTORE_SERVICE, false, RESTORE_CONVOY);
    }
    if ((f->events & WALK_PRESSED) && !s->seen) {
        put_event(l, LANE_EVENT_RESTORE_SERVICE, false, RESTORE_PRESSED);
    }
    if ((f->events & WALK_RESTORE) && !s->seen && s->hold_count < f->holds) {
        for (int entry = 0; entry <= WALK_ENTRY_SECOND; entry++) { /* 0: an officer's hold */
            put_event(l, LANE_EVENT_RESTORE, entry, true);
            put_event(l, LANE_EVENT_RESTORE, entry, false);
        }
        put_event(l, LANE_EVENT_RESTORE, ONE_MISSING, false);
    }
}

static void ticks(const struct family *f, const struct lane_state *s, struct list *l)
{
    for (int i = 0; i < TIMER_COUNT; i++) {
        if (s->timer[i].ns == 0 || (f->frozen >> i & 1) != 0) {
            continue;
        }
        put(l, (struct move){.event = LANE_EVENT_TICK, .due = (uint8_t)i, .due_too = DUE_NONE});
        for (int k = i + 1; f->together && k < TIMER_COUNT; k++) {
            if (s->timer[k].ns != 0 && (f->frozen >> k & 1) == 0) {
                put(l, (struct move){
                           .event = LANE_EVENT_TICK, .due = (uint8_t)i, .due_too = (uint8_t)k});
            }
        }
    }
}

int moves_of(const struct family *family, const struct lane_config *config, const struct node *node,
             struct move out[WALK_MOVES_MAX])
{
    struct list l = {.out = out, .count = 0};
    scans(family, config, &node->s, &l);
    reads(family, &node->s, &l);
    acts(family, &node->s, &l);
    answers(family, &node->s, &l);
    knowledge(family, &node->s, &l);
    ticks(family, &node->s, &l);
    return l.count;
}

uint64_t move_due(const struct move *move)
{
    return (move->due == DUE_NONE ? 0 : (uint64_t)1 << move->due) |
           (move->due_too == DUE_NONE ? 0 : (uint64_t)1 << move->due_too);
}

static void scan_event(const struct lane_config *config, const struct lane_state *s,
                       const struct move *m, struct lane_scan *scan)
{
    uint32_t lamps = m->a & SCAN_LAMP_FAULT ? 0 : s->lights;
    *scan = (struct lane_scan){.lane = config->lane,
                               .number = 1,
                               .at = {WALK_NOW_NS},
                               .contact = (m->a & SCAN_NO_CONTACT) == 0,
                               .wired = config->wired,
                               .active = m->active,
                               .outputs = (m->a & BOOM_COILS) | lamps,
                               .outputs_wired = config->outputs_wired,
                               .guard_acted = (m->a & SCAN_GUARD) != 0,
                               .guard_let_go = (m->a & SCAN_LET_GO) != 0};
}

static uint64_t hold_at(const struct lane_state *s, int at)
{
    return at == 0                ? 1 /* no such hold */
           : at <= LANE_HOLDS_MAX ? s->holds[at - 1].id
                                  : s->queue[at - 1 - LANE_HOLDS_MAX].hold.id;
}

static void restore_event(const struct lane_state *s, const struct move *m,
                          struct lane_restore_event *out)
{
    *out = (struct lane_restore_event){
        .hold = s->last_hold + 1, .passage = s->last_passage + 1, .active = m->b, .priority = 3};
    if (m->a == ONE_MISSING) {
        out->hold = 0;
    } else if (m->a != 0) {
        out->priority = m->a;
        out->hits[out->hit_count++] =
            (struct lane_hit){.hit = m->a, .entry = m->a, .priority = m->a, .holds = true};
    }
}

static void act_event(const struct lane_state *s, const struct move *m, struct lane_act_event *out)
{
    int at = m->b >> SIGN_BITS;
    *out = (struct lane_act_event){.act = 1,
                                   .kind = (enum lane_act_kind)m->a,
                                   .named = (m->b & SIGN_NAMED) != 0,
                                   .second_person = (m->b & SIGN_SECOND) != 0,
                                   .leader = (m->b & SIGN_LEADER) != 0};
    if (m->a == LANE_ACT_RELEASE) {
        out->hold = hold_at(s, at);
    } else if (m->a == LANE_ACT_INSPECTED && at > 0) {
        out->passage = s->queue[at - 1].passage;
    } else if (m->a == LANE_ACT_CONVOY) {
        out->for_ms = m->b & TOO_LONG ? LANE_CONVOY_MAX_MS + 1 : LANE_CONVOY_MAX_MS;
    }
    out->press = m->a == LANE_ACT_LOWER ? s->press + 1 : 0;
}

static void beat_event(const struct lane_state *s, const struct move *m,
                       struct lane_beat_event *out)
{
    int64_t waited_ns = m->b == BEAT_STALE ? LANE_BEAT_LOST_MS * (int64_t)MS_NS : 0;
    *out = (struct lane_beat_event){.press = m->a ? s->press : OTHER_PRESS,
                                    .at = {WALK_NOW_NS - waited_ns},
                                    .end = m->b == BEAT_END};
}

void move_event(const struct lane_config *config, const struct node *node, const struct move *m,
                struct lane_event *out)
{
    const struct lane_state *s = &node->s;
    memset(out, 0, sizeof(*out));
    out->kind = (enum lane_event_kind)m->event;
    switch (out->kind) {
    case LANE_EVENT_SCAN:
        scan_event(config, s, m, &out->u.scan);
        break;
    case LANE_EVENT_PASSAGE:
        read_event(s, m, &out->u.passage);
        break;
    case LANE_EVENT_SEEN_AT_BOOM:
        out->u.seen_at_boom = s->queue[m->a].passage;
        break;
    case LANE_EVENT_OUTCOME:
        out->u.outcome.order_id = m->a == 1   ? s->motion_order
                                  : m->a == 2 ? s->stop_order
                                  : m->a == 3 ? s->let_go_order
                                              : OLD_ORDER;
        out->u.outcome.result = (enum order_result)m->b;
        break;
    case LANE_EVENT_ACT:
        act_event(s, m, &out->u.act);
        break;
    case LANE_EVENT_WITHDRAWAL:
        out->u.withdrawn_entry = m->a;
        break;
    case LANE_EVENT_COMMIT:
        out->u.commit.commit = m->a;
        out->u.commit.done = m->b;
        break;
    case LANE_EVENT_LIST:
        out->u.list_usable = m->a;
        break;
    case LANE_EVENT_JOURNAL:
        out->u.journal_commits = m->a;
        break;
    case LANE_EVENT_GUIDED_TEST:
        out->u.guided_test_valid_ms = m->a ? 1000 : 0;
        break;
    case LANE_EVENT_RESTORE:
        restore_event(s, m, &out->u.restore);
        break;
    case LANE_EVENT_RESTORE_SERVICE:
        out->u.restore_service.out_of_service = m->a;
        out->u.restore_service.convoy = m->b == RESTORE_CONVOY;
        out->u.restore_service.emergency_stop = m->b == RESTORE_PRESSED;
        break;
    case LANE_EVENT_BEAT:
        beat_event(s, m, &out->u.beat);
        break;
    case LANE_EVENT_MATCH_ALIVE:
    case LANE_EVENT_MATCH_LOST:
    case LANE_EVENT_TICK:
        break;
    }
}

static const char *const event_names[] = {
    "scan",       "read",        "seen_at_boom", "outcome",         "act",
    "withdrawal", "commit",      "match_alive",  "match_lost",      "list",
    "journal",    "guided_test", "restore",      "restore_service", "beat",
    "tick"};

void move_print(const struct move *m, const struct lane_event *event)
{
    printf("  %s", event_names[m->event]);
    if (event->kind == LANE_EVENT_SCAN) {
        printf("%s%s%s coils %x:", m->a & SCAN_NO_CONTACT ? " no contact" : "",
               m->a & SCAN_GUARD ? " guard acted" : "", m->a & SCAN_LET_GO ? " guard let go" : "",
               m->a & BOOM_COILS);
        for (int i = 0; i < INPUT_COUNT; i++) {
            if (m->active & INPUT_BIT(i)) {
                printf(" %s", lane_input_name((enum lane_input)i));
            }
        }
    } else if (event->kind == LANE_EVENT_ACT) {
        printf(" %s hold %llu%s%s%s", lane_act_name(event->u.act.kind),
               (unsigned long long)event->u.act.hold, event->u.act.named ? " named" : "",
               event->u.act.second_person ? " second" : "", event->u.act.leader ? " leader" : "");
    } else if (event->kind == LANE_EVENT_PASSAGE) {
        printf(" passage %llu kind %d%s%s%s", (unsigned long long)event->u.passage.passage,
               m->b & (AGAIN - 1), event->u.passage.again ? " again" : "",
               event->u.passage.unplaced ? " unplaced" : "",
               event->u.passage.perhaps_more ? " perhaps more" : "");
    } else if (event->kind == LANE_EVENT_OUTCOME) {
        printf(" of %s: %s",
               m->a == 1   ? "motion"
               : m->a == 2 ? "stop"
                           : "another",
               order_result_name(event->u.outcome.result));
    } else if (event->kind != LANE_EVENT_TICK) {
        printf(" %d %d", m->a, m->b);
    }
    for (int i = 0; i < TIMER_COUNT; i++) {
        if (move_due(m) >> i & 1) {
            printf(" due %d", i);
        }
    }
    printf("\n");
}
