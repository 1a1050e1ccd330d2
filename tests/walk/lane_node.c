/* The canonical form of a lane's state. See lane_walk.h. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "lane_walk.h"
#include "state_set.h"

enum {
    PASSAGE_STEP = 10, /* between two canonical passage ids */
    LABELS_MAX = 64,
    STOP_TRIES = 20, /* as the machine begins; only "some left" and "none left" differ */
    MOTION_ORDER = 1,
    STOP_ORDER = 2,
    LET_GO_ORDER = 3,
    LANE_SHIFT = 48
};

/* Ids that occur, each once. */
struct labels {
    uint64_t id[LABELS_MAX];
    int count;
};

static void label_add(struct labels *l, uint64_t id)
{
    for (int i = 0; i < l->count; i++) {
        if (l->id[i] == id) {
            return;
        }
    }
    if (id != 0 && l->count < LABELS_MAX) {
        l->id[l->count++] = id;
    }
}

static uint64_t label_of(const struct labels *l, uint64_t id)
{
    for (int i = 0; i < l->count; i++) {
        if (l->id[i] == id) {
            return (uint64_t)i + 1;
        }
    }
    return 0;
}

static int compare(const void *a, const void *b)
{
    const uint64_t *left = a, *right = b;
    return *left < *right ? -1 : *left > *right;
}

/* One that only an alarm names: what it is called does not matter once nobody else bears it. */
static uint64_t passage_of(const struct labels *l, uint64_t id)
{
    uint64_t label = label_of(l, id);
    return id == 0 ? 0 : label == 0 ? WALK_OLD_PASSAGE : PASSAGE_STEP * label;
}

/* Passages keep their order: the machine compares them with the last. */
static void relabel_passages(struct lane_state *s)
{
    struct labels l = {.count = 0};
    for (uint8_t i = 0; i < s->count; i++) {
        label_add(&l, s->queue[i].passage);
        label_add(&l, s->queue[i].hold.passage);
    }
    for (uint8_t i = 0; i < s->hold_count; i++) {
        label_add(&l, s->holds[i].passage);
    }
    for (int i = 0; i < LANE_COMMITS_MAX; i++) {
        label_add(&l, s->commits[i].passage);
    }
    qsort(l.id, (size_t)l.count, sizeof(l.id[0]), compare);
    for (uint8_t i = 0; i < s->count; i++) {
        s->queue[i].passage = PASSAGE_STEP * label_of(&l, s->queue[i].passage);
        s->queue[i].hold.passage = PASSAGE_STEP * label_of(&l, s->queue[i].hold.passage);
    }
    for (uint8_t i = 0; i < s->hold_count; i++) {
        s->holds[i].passage = PASSAGE_STEP * label_of(&l, s->holds[i].passage);
    }
    for (int i = 0; i < LANE_COMMITS_MAX; i++) {
        s->commits[i].passage = PASSAGE_STEP * label_of(&l, s->commits[i].passage);
    }
    s->inspecting = passage_of(&l, s->inspecting);
    s->blocked = passage_of(&l, s->blocked);
    s->last_passage = (uint64_t)PASSAGE_STEP * (uint64_t)l.count + PASSAGE_STEP / 2;
}

static void relabel_holds(const struct lane_config *config, struct lane_state *s)
{
    struct labels l = {.count = 0};
    for (uint8_t i = 0; i < s->hold_count; i++) {
        label_add(&l, s->holds[i].id);
    }
    for (uint8_t i = 0; i < s->count; i++) {
        label_add(&l, s->queue[i].hold.id);
    }
    for (int i = 0; i < LANE_COMMITS_MAX; i++) {
        label_add(&l, s->commits[i].hold);
    }
#define HOLD_ID(id)                                                                                \
    (label_of(&l, id) == 0 ? 0 : label_of(&l, id) << LANE_ID_BITS | (uint64_t)config->lane)
    for (uint8_t i = 0; i < s->hold_count; i++) {
        s->holds[i].id = HOLD_ID(s->holds[i].id);
    }
    for (uint8_t i = 0; i < s->count; i++) {
        s->queue[i].hold.id = HOLD_ID(s->queue[i].hold.id);
    }
    for (int i = 0; i < LANE_COMMITS_MAX; i++) {
        s->commits[i].hold = HOLD_ID(s->commits[i].hold);
    }
#undef HOLD_ID
    s->last_hold = (uint64_t)(l.count + 1) << LANE_ID_BITS;
}

static void relabel_orders(const struct lane_config *config, struct lane_state *s)
{
    uint64_t lane = (uint64_t)config->lane << LANE_SHIFT;
    s->motion_order = s->motion_order ? lane | MOTION_ORDER : 0;
    s->stop_order = s->stop_order ? lane | STOP_ORDER : 0;
    s->let_go_order = s->let_go_order ? lane | LET_GO_ORDER : 0;
    s->last_order = LET_GO_ORDER;
    s->motion_act = s->motion_act != 0;
    s->convoy_act = s->convoy_act != 0;
    for (int i = 0; i < LANE_COMMITS_MAX; i++) {
        s->commits[i].act = s->commits[i].act != 0;
        s->commits[i].id = s->commits[i].kind == COMMIT_NONE ? 0 : (uint64_t)i + 1;
    }
    s->last_commit = LANE_COMMITS_MAX;
}

/* What nobody reads any more does not count. (Between the fields stands zero, from lane_init on.
 * Were it not so, states would count more than once: right, but slower.) */
size_t node_pack(const struct node *node, uint8_t *packed)
{
    const struct lane_state *s = &node->s;
    _Static_assert(offsetof(struct lane_state, queue) < offsetof(struct lane_state, holds),
                   "dead spans ascend");
    _Static_assert(offsetof(struct lane_state, queue) % 8 == 0 && sizeof(s->queue[0]) % 8 == 0 &&
                       offsetof(struct lane_state, holds) % 8 == 0 && sizeof(s->holds[0]) % 8 == 0,
                   "dead spans are whole words");
    size_t queue = offsetof(struct node, s) + offsetof(struct lane_state, queue);
    size_t holds = offsetof(struct node, s) + offsetof(struct lane_state, holds);
    struct state_span dead[] = {
        {queue + s->count * sizeof(s->queue[0]), queue + sizeof(s->queue)},
        {holds + s->hold_count * sizeof(s->holds[0]), holds + sizeof(s->holds)}};
    return state_pack(node, sizeof(*node), dead, 2, packed);
}

void node_init(struct node *node, const struct lane_config *config)
{
    memset(node, 0, sizeof(*node));
    node->h.unclear = 1;
    lane_init(config, &node->s, 0, (struct mono_time){WALK_NOW_NS});
    (void)node_close(config, &node->s); /* nothing is due before the first step */
}

void node_open(const struct node *node, uint64_t due, struct lane_state *out)
{
    *out = node->s;
    for (int i = 0; i < TIMER_COUNT; i++) {
        bool comes_due = (due >> i & 1) != 0;
        out->timer[i].ns = node->s.timer[i].ns == 0 ? INT64_MAX
                           : comes_due              ? WALK_NOW_NS
                                                    : WALK_LATER_NS;
    }
}

int node_close(const struct lane_config *config, struct lane_state *state)
{
    int due = -1;
    for (int i = 0; i < TIMER_COUNT; i++) {
        int64_t ns = state->timer[i].ns;
        if (ns <= WALK_NOW_NS) {
            due = i;
        }
        state->timer[i].ns = ns != INT64_MAX;
    }
    relabel_passages(state);
    relabel_holds(config, state);
    relabel_orders(config, state);
    if (state->stop_tries > 0) {
        state->stop_tries = STOP_TRIES;
    }
    return due;
}

bool timer_runs(const struct lane_state *state, int timer)
{
    int64_t ns = state->timer[timer].ns;
    return ns != INT64_MAX && ns > WALK_NOW_NS;
}

bool timer_was_set(const struct lane_state *after, int timer)
{
    return timer_runs(after, timer) && after->timer[timer].ns != WALK_LATER_NS;
}
