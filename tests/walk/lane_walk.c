/* The search itself: every move out of every state, breadth first, until none waits. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lane_walk.h"
#include "state_set.h"

_Static_assert(sizeof(struct node) % 8 == 0, "a node is packed in words");

enum { CHECKED_EACH = 32 }; /* of so many new states one is followed without forgetting */

bool lane_walk_checks_itself = true;

struct walk {
    const struct family *family;
    bool tried; /* in the last step a stop failed and is tried again */
    struct lane_config config;
    struct state_set set;
    struct walk_result *result;
};

/* One move; the reached node in `out`, canonical, nothing forgotten. Returns what is violated,
 * NULL: nothing. */
static const char *take(struct walk *w, const struct node *from, const struct move *move,
                        const struct lane_event *event, struct node *out,
                        struct lane_actions *actions)
{
    static struct lane_state before;
    uint64_t due = move_due(move);
    node_open(from, due, &before);
    node_copy(from, out);
    node_open(from, due, &out->s);
    lane_step(&w->config, &out->s, event, (struct mono_time){WALK_NOW_NS}, actions);
    struct walk_step step = {.family = w->family,
                             .config = &w->config,
                             .event = event,
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

static void begin(struct walk *w, struct node *out)
{
    static const struct lane_event known[] = {{.kind = LANE_EVENT_MATCH_ALIVE},
                                              {.kind = LANE_EVENT_LIST, .u.list_usable = true}};
    static struct lane_actions actions;
    static struct node node;
    static const struct move none = {.due = DUE_NONE, .due_too = DUE_NONE};
    node_init(out, &w->config);
    for (size_t i = 0; w->family->ready && i < sizeof(known) / sizeof(known[0]); i++) {
        node_copy(out, &node);
        const char *violation = take(w, &node, &none, &known[i], out, &actions);
        w->result->violation = violation ? violation : w->result->violation;
    }
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
    static struct node node;
    static struct node next;
    static struct lane_actions actions;
    begin(w, &node);
    for (int i = length; i >= 0; i--) {
        struct move move = *last;
        struct lane_event event;
        if (i > 0) {
            memcpy(&move, &w->set.moves[way[i - 1]], sizeof(move));
        }
        move_event(&w->config, &node, &move, &event);
        move_print(&move, &event);
        (void)take(w, &node, &move, &event, &next, &actions); /* known: the last one violates */
        print_actions(&actions);
        print_node(&next);
        node_forget(&w->config, &next);
        node = next;
    }
}

static void print_violation(struct walk *w, uint32_t id, const struct move *last)
{
    printf("%s: %s\n", w->family->name, w->result->violation);
    print_trace(w, id, last);
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

/* ---- that nothing is forgotten which matters ---- */

static bool same_orders(const struct lane_actions *a, const struct lane_actions *b)
{
    bool same = a->order_count == b->order_count && a->record_count == b->record_count &&
                a->reply_count == b->reply_count;
    for (uint32_t i = 0; same && i < a->order_count; i++) {
        const struct lane_order *left = &a->orders[i].order, *right = &b->orders[i].order;
        same = left->output == right->output && left->on == right->on &&
               left->pulse_ms == right->pulse_ms && left->emergency == right->emergency &&
               a->orders[i].cause == b->orders[i].cause;
    }
    for (uint32_t i = 0; same && i < a->record_count; i++) {
        const struct lane_record *left = &a->records[i], *right = &b->records[i];
        same = left->kind == right->kind && left->hold == right->hold &&
               left->passage == right->passage && left->commit == right->commit &&
               left->refusal == right->refusal;
    }
    return same;
}

/* Every move out of a state and out of what is kept of it does the same. */
static const char *nothing_lost(struct walk *w, const struct node *whole, const struct node *kept)
{
    static struct move moves[WALK_MOVES_MAX];
    static struct lane_actions by_whole;
    static struct lane_actions by_kept;
    static struct node next[2];
    int count = moves_of(w->family, &w->config, whole, moves);
    for (int i = 0; i < count; i++) {
        struct lane_event event;
        uint64_t hash[2][2];
        move_event(&w->config, whole, &moves[i], &event);
        const char *left = take(w, whole, &moves[i], &event, &next[0], &by_whole);
        const char *right = take(w, kept, &moves[i], &event, &next[1], &by_kept);
        for (int k = 0; k < 2; k++) {
            node_forget(&w->config, &next[k]);
            node_hash(&next[k], hash[k]);
        }
        if ((left == NULL) != (right == NULL) || !same_orders(&by_whole, &by_kept) ||
            memcmp(hash[0], hash[1], sizeof(hash[0])) != 0) {
            move_print(&moves[i], &event);
            return "the walk forgets of a state what still matters (lane_forget.c)";
        }
    }
    return NULL;
}

/* ---- the search ---- */

static void add(struct walk *w, const struct node *whole, uint32_t parent, const struct move *move)
{
    static uint8_t packed[STATE_PACKED_MAX];
    static struct node kept;
    uint64_t hash[2];
    uint64_t code;
    _Static_assert(sizeof(*move) == sizeof(code), "a move is kept as one word");
    memcpy(&code, move, sizeof(code));
    node_copy(whole, &kept);
    node_forget(&w->config, &kept);
    node_hash(&kept, hash);
    if (!state_set_claim(&w->set, hash, parent, code)) {
        return;
    }
    size_t size = node_pack(&kept, packed);
    state_set_put(&w->set, packed, size);
    if (lane_walk_checks_itself && w->set.count % CHECKED_EACH == 0) {
        w->result->violation = nothing_lost(w, whole, &kept);
        if (w->result->violation) {
            print_violation(w, parent, move);
        }
    }
}

static void expand(struct walk *w, const struct node *node, uint32_t id)
{
    static struct move moves[WALK_MOVES_MAX];
    static struct lane_actions actions;
    static struct node next;
    int count = moves_of(w->family, &w->config, node, moves);
    for (int i = 0; i < count && !w->result->violation; i++) {
        struct lane_event event;
        move_event(&w->config, node, &moves[i], &event);
        w->result->violation = take(w, node, &moves[i], &event, &next, &actions);
        w->result->transitions++;
        for (uint32_t k = 0; k < actions.order_count; k++) {
            w->result->ordered[actions.orders[k].order.output] += actions.orders[k].order.on;
        }
        if (w->result->violation) {
            print_violation(w, id, &moves[i]);
            return;
        }
        if (too_many(w, &next)) {
            w->result->cut++;
            continue;
        }
        bool tried = w->tried;
        add(w, &next, id, &moves[i]);
        if (tried) { /* how many were left is not kept: it may have been the last */
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
    static struct node node;
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
    begin(&w, &node);
    add(&w, &node, 0,
        &(struct move){.event = LANE_EVENT_TICK, .due = DUE_NONE, .due_too = DUE_NONE});
    while (!out->violation && w.set.count < states_max &&
           state_set_next(&w.set, packed, &size, &id)) {
        state_unpack(packed, size, &node, sizeof(node));
        expand(&w, &node, id);
    }
    out->states = w.set.count;
    out->closed = !out->violation && w.set.waiting == 0;
    for (int i = 0; out->closed && i < OUTPUT_COUNT; i++) {
        if ((family->expects & OUTPUT_BIT(i)) && out->ordered[i] == 0) {
            out->violation = "nothing of what the family is for ever happens";
        }
    }
    state_set_fini(&w.set);
}
