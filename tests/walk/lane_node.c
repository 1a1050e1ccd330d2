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

/* As the two above, where there is none. */
static void relabel_nobody(struct lane_state *s)
{
    const struct labels none = {.count = 0};
    s->inspecting = passage_of(&none, s->inspecting);
    s->blocked = passage_of(&none, s->blocked);
    s->last_passage = PASSAGE_STEP / 2;
    s->last_hold = (uint64_t)1 << LANE_ID_BITS;
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
    s->press_act = s->press_act != 0;
    s->press = s->press != 0;
    for (int i = 0; i < LANE_COMMITS_MAX; i++) {
        s->commits[i].act = s->commits[i].act != 0;
        s->commits[i].id = s->commits[i].kind == COMMIT_NONE ? 0 : (uint64_t)i + 1;
    }
    s->last_commit = LANE_COMMITS_MAX;
}

static bool goes_before(const struct lane_commit *a, bool a_waits, const struct lane_commit *b,
                        bool b_waits)
{
    if (a->kind != b->kind) {
        return a->kind > b->kind; /* free places last */
    }
    if (a->hold != b->hold) {
        return a->hold < b->hold;
    }
    return a->passage != b->passage ? a->passage < b->passage : a_waits && !b_waits;
}

/* In which place a question waits makes no difference: the answer names it. */
static void sort_commits(struct lane_state *s)
{
    for (int i = 1; i < LANE_COMMITS_MAX; i++) {
        for (int k = i; k > 0; k--) {
            struct lane_commit *a = &s->commits[k - 1], *b = &s->commits[k];
            struct mono_time *at = &s->timer[TIMER_COMMIT + k - 1],
                             *bt = &s->timer[TIMER_COMMIT + k];
            if (!goes_before(b, bt->ns != 0, a, at->ns != 0)) {
                break;
            }
            struct lane_commit commit = *a;
            struct mono_time timer = *at;
            *a = *b;
            *at = *bt;
            *b = commit;
            *bt = timer;
        }
    }
}

/* In which order hits came makes no difference while there is room for more. */
static void sort_hits(struct lane_hit *hits, uint8_t count, uint8_t *withdrawn)
{
    for (int i = 1; count < LANE_HITS_MAX && i < count; i++) {
        for (int k = i; k > 0 && hits[k].hit < hits[k - 1].hit; k--) {
            struct lane_hit hit = hits[k];
            unsigned left = *withdrawn >> (k - 1) & 1, right = *withdrawn >> k & 1;
            hits[k] = hits[k - 1];
            hits[k - 1] = hit;
            *withdrawn &= (uint8_t) ~(3u << (k - 1));
            *withdrawn |= (uint8_t)(right << (k - 1) | left << k);
        }
    }
}

static void sort_all_hits(struct lane_state *s)
{
    for (uint8_t i = 0; i < s->count; i++) {
        struct lane_vehicle *v = &s->queue[i];
        sort_hits(v->hits, v->hit_count, &v->withdrawn);
        sort_hits(v->hold.hits, v->hold.hit_count, &v->hold.withdrawn);
    }
    for (uint8_t i = 0; i < s->hold_count; i++) {
        sort_hits(s->holds[i].hits, s->holds[i].hit_count, &s->holds[i].withdrawn);
    }
}

/* Of 128 bits, over what node_pack keeps. */
void node_hash(const struct node *node, uint64_t out[2])
{
    const struct lane_state *s = &node->s;
    uint64_t runs = 0;
    for (int i = 0; i < TIMER_COUNT; i++) {
        runs |= (uint64_t)(s->timer[i].ns != 0) << i;
    }
    uint64_t hash[2] = {0x9E3779B97F4A7C15u ^ runs, 0xC2B2AE3D27D4EB4Fu + runs};
    const struct state_span live[] = {
        {offsetof(struct lane_state, last_order), offsetof(struct lane_state, queue)},
        {offsetof(struct lane_state, queue),
         offsetof(struct lane_state, queue) + s->count * sizeof(s->queue[0])},
        {offsetof(struct lane_state, queue) + sizeof(s->queue), offsetof(struct lane_state, holds)},
        {offsetof(struct lane_state, holds),
         offsetof(struct lane_state, holds) + s->hold_count * sizeof(s->holds[0])},
        {offsetof(struct lane_state, commits), sizeof(struct node)}};
    for (size_t i = 0; i < sizeof(live) / sizeof(live[0]); i++) {
        state_hash(node, live[i], hash);
    }
    state_hash_end(hash, out);
}

/* What nobody reads any more does not count. (Between the fields stands zero, from lane_init on.
 * Were it not so, states would count more than once: right, but slower.) */
size_t node_pack(const struct node *node, uint8_t *packed)
{
    const struct lane_state *s = &node->s;
    _Static_assert(offsetof(struct lane_state, timer) == 0 && offsetof(struct node, s) == 0 &&
                       offsetof(struct lane_state, last_order) == sizeof(s->timer) &&
                       TIMER_COUNT <= 64,
                   "timers come first");
    _Static_assert(offsetof(struct lane_state, queue) < offsetof(struct lane_state, holds) &&
                       offsetof(struct lane_state, commits) ==
                           offsetof(struct lane_state, holds) + sizeof(s->holds),
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

/* Without the places nobody reads; see node_pack. */
static void copy(const struct lane_state *from, struct lane_state *to)
{
    size_t rest = offsetof(struct lane_state, commits);
    memcpy(to, from, offsetof(struct lane_state, queue));
    memcpy(to->queue, from->queue, from->count * sizeof(from->queue[0]));
    to->hold_count = from->hold_count;
    memcpy(to->holds, from->holds, from->hold_count * sizeof(from->holds[0]));
    memcpy((char *)to + rest, (const char *)from + rest, sizeof(*from) - rest);
}

void node_copy(const struct node *from, struct node *to)
{
    copy(&from->s, &to->s);
    to->h = from->h;
}

void node_open(const struct node *node, uint64_t due, struct lane_state *out)
{
    copy(&node->s, out);
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
    sort_commits(state);
    if (state->count > 0 || state->hold_count > 0 || state->commits[0].kind != COMMIT_NONE) {
        relabel_passages(state);
        relabel_holds(config, state);
        sort_all_hits(state);
    } else {
        relabel_nobody(state);
    }
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
