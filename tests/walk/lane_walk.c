/* The search itself: every move out of every state, breadth first, until none waits. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lane_walk.h"
#include "state_set.h"

_Static_assert(sizeof(struct node) % 8 == 0, "a node is packed in words");

struct walk {
    const struct family *family;
    bool tried; /* in the last step a stop failed and is tried again */
    struct lane_config config;
    struct state_set set;
    struct walk_result *result;
};

/* One move; the reached node in `out`. Returns what is violated, NULL: nothing. */
static const char *take(struct walk *w, const struct node *from, const struct move *move,
                        struct node *out, struct lane_actions *actions)
{
    struct lane_event event;
    struct lane_state before;
    uint64_t due = move_due(move);
    move_event(w->family, &w->config, from, move, &event);
    node_open(from, due, &before);
    out->s = before;
    out->h = from->h;
    lane_step(&w->config, &out->s, &event, (struct mono_time){WALK_NOW_NS}, actions);
    struct walk_step step = {.family = w->family,
                             .config = &w->config,
                             .event = &event,
                             .before = &before,
                             .after = &out->s,
                             .out = actions,
                             .shadow = &from->h,
                             .next = &out->h,
                             .due = due};
    const char *violation = lane_rules_check(&step);
    w->tried = out->s.stop_tries + 1 == before.stop_tries;
    int still_due = node_close(&w->config, &out->s);
    if (move->last_try) {
        out->s.stop_tries = 0;
    }
    return violation ? violation : still_due >= 0 ? "a timer that was due stays due" : NULL;
}

static void print_actions(const struct lane_actions *out)
{
    for (uint32_t i = 0; i < out->order_count; i++) {
        const struct lane_order *o = &out->orders[i].order;
        printf("    -> %s %s %u ms%s, %s\n", lane_output_name(o->output), o->on ? "on" : "off",
               o->pulse_ms, o->emergency ? " emergency" : "",
               lane_cause_name(out->orders[i].cause));
    }
    for (uint32_t i = 0; i < out->record_count; i++) {
        const struct lane_record *r = &out->records[i];
        printf("    -> record %s hold %llu passage %llu commit %llu\n", lane_record_name(r->kind),
               (unsigned long long)r->hold, (unsigned long long)r->passage,
               (unsigned long long)r->commit);
    }
    for (uint32_t i = 0; i < out->alarm_count; i++) {
        printf("    -> alarm %s %s\n", log_event_find(out->alarms[i].event)->name,
               out->alarms[i].active ? "on" : "off");
    }
}

static void print_node(const struct node *n)
{
    const struct lane_state *s = &n->s;
    printf("    = boom %s motion %d, order %s, %u of %u arrived, %u holds%s%s%s; runs:",
           boom_state_name(s->boom), (int)s->motion, s->order_known ? "known" : "unknown",
           s->arrived, s->count, s->hold_count, s->contact ? "" : ", no contact",
           s->blind ? ", blind" : "", s->stopped ? ", stopped" : "");
    for (int i = 0; i < TIMER_COUNT; i++) {
        if (s->timer[i].ns != 0) {
            printf(" %d", i);
        }
    }
    printf("\n");
}

/* From the start to `id` by the moves that led there first, then `last`. */
static void print_trace(struct walk *w, uint32_t id, const struct move *last)
{
    uint32_t way[4096];
    int length = 0;
    for (uint32_t at = id; at != 0 && length < 4096; at = w->set.parents[at]) {
        way[length++] = at;
    }
    struct node node;
    struct node next;
    struct lane_actions actions;
    node_init(&node, &w->config);
    for (int i = length; i >= 0; i--) {
        struct move move = *last;
        struct lane_event event;
        if (i > 0) {
            memcpy(&move, &w->set.moves[way[i - 1]], sizeof(move));
        }
        move_event(w->family, &w->config, &node, &move, &event);
        move_print(&move, &event);
        (void)take(w, &node, &move, &next, &actions); /* known: the last one violates */
        print_actions(&actions);
        print_node(&next);
        node = next;
    }
}

static bool too_many(const struct walk *w, const struct node *node)
{
    int commits = 0;
    for (int i = 0; i < LANE_COMMITS_MAX; i++) {
        commits += node->s.commits[i].kind != COMMIT_NONE;
    }
    return node->s.count > w->family->vehicles || node->s.hold_count > w->family->holds ||
           commits > w->family->holds + 1;
}

static void add(struct walk *w, const struct node *node, uint32_t parent, const struct move *move)
{
    static uint8_t packed[STATE_PACKED_MAX];
    uint64_t code;
    _Static_assert(sizeof(*move) == sizeof(code), "a move is kept as one word");
    memcpy(&code, move, sizeof(code));
    size_t size = node_pack(node, packed);
    (void)state_set_add(&w->set, packed, size, parent, code); /* new or not: both are right */
}

static void expand(struct walk *w, const struct node *node, uint32_t id)
{
    static struct move moves[WALK_MOVES_MAX];
    static struct lane_actions actions;
    struct node next;
    int count = moves_of(w->family, &w->config, node, moves);
    for (int i = 0; i < count; i++) {
        const char *violation = take(w, node, &moves[i], &next, &actions);
        w->result->transitions++;
        if (violation) {
            w->result->violation = violation;
            printf("%s: %s\n", w->family->name, violation);
            print_trace(w, id, &moves[i]);
            return;
        }
        if (too_many(w, &next)) {
            w->result->cut++;
            continue;
        }
        add(w, &next, id, &moves[i]);
        if (w->tried) { /* how many were left is not kept: it may have been the last */
            moves[i].last_try = 1;
            next.s.stop_tries = 0;
            add(w, &next, id, &moves[i]);
        }
    }
}

void lane_walk(const struct family *family, uint32_t states_max, struct walk_result *out)
{
    static uint8_t packed[STATE_PACKED_MAX];
    struct walk w = {.family = family, .result = out};
    struct node node;
    size_t size;
    uint32_t id;
    memset(out, 0, sizeof(*out));
    lane_config_defaults(&w.config, 1);
    family->configure(&w.config);
    struct err_text err = {{0}};
    if (lane_config_check(&w.config, &err) != 0) {
        printf("%s: %s\n", family->name, err.text);
        out->violation = "the family's configuration is refused";
        return;
    }
    state_set_init(&w.set);
    node_init(&node, &w.config);
    add(&w, &node, 0,
        &(struct move){.event = LANE_EVENT_TICK, .due = DUE_NONE, .due_too = DUE_NONE});
    while (!out->violation && w.set.count < states_max &&
           state_set_next(&w.set, packed, &size, &id)) {
        state_unpack(packed, size, &node, sizeof(node));
        expand(&w, &node, id);
    }
    out->states = w.set.count;
    out->closed = !out->violation && w.set.waiting == 0;
    state_set_fini(&w.set);
}
