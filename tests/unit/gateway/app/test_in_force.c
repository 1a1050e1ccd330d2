/*
 * Readers against the list thread's work: signed batches, snapshots, an index that is full, worn or
 * cannot be built at all, while two threads match. What may be found under which revision is
 * written down beforehand, so every single look is checked: no entry missed, none withdrawn, none
 * of another plate, each with its own text; observe entries stand in an index of their own.
 */
#include "tests/unit/gateway/wanted/wanted_world.h"

#include <pthread.h>
#include <stdatomic.h>

#include "gateway/base/rcu.h"
#include "gateway/match/index.h"

/* ---- faults on request; the part under test is compiled in below ---- */

static int adds_until_full = -1; /* -1: never */
static bool creates_fail;
static bool always_worn;
static uint8_t look_alikes = MATCH_LOOK_ALIKE_DEFAULT;

static int faulty_add(struct match_index *index, const struct match_entry *entry,
                      struct err_text *err)
{
    if (adds_until_full == 0) {
        return err_set(err, ERR_FULL, "full on request");
    }
    adds_until_full -= adds_until_full > 0;
    return match_index_add(index, entry, err);
}

static int faulty_create(const struct match_entry *const *entries, size_t count,
                         const struct match_options *options, struct match_index **out,
                         struct err_text *err)
{
    return creates_fail ? err_set(err, ERR_NO_MEMORY, "no memory on request")
                        : match_index_create(entries, count, options, out, err);
}

static bool faulty_worn(const struct match_index *index)
{
    return always_worn || match_index_worn(index);
}

#define match_index_add faulty_add
#define match_index_create faulty_create
#define match_index_worn faulty_worn
/* NOLINTNEXTLINE(bugprone-suspicious-include): compiled in with faults of its surroundings */
#include "gateway/app/matchd/in_force.c"
#undef match_index_add
#undef match_index_create
#undef match_index_worn

/* ---- what will happen, and what is right ---- */

enum {
    PLATES = 40,
    IDS = 1200,
    REVISIONS = 240,
    VERSIONS = 4 * IDS,
    OF_A_PLATE = VERSIONS / PLATES * 4,
    READERS = 2
};

struct version {
    struct wanted_item item; /* as it is on the list … */
    uint64_t from;           /* … from this revision on … */
    uint64_t until;          /* … and before this one */
    int successor;           /* version of the same entry that follows at once, -1: none */
};

enum deed { FOLLOW, SNAPSHOT, FULL, WORN, NOTHING_GOES };

struct stage {
    struct text batch;
    struct shot shot; /* of the list after it, for SNAPSHOT */
    enum deed deed;
    bool brought_in; /* or left for the next one */
};

static struct {
    struct world *world;
    struct version versions[VERSIONS];
    int version_count;
    int of_plate[PLATES][OF_A_PLATE];
    int count_of_plate[PLATES];
    int live[IDS]; /* version, -1: none */
    uint64_t id_count;
    struct stage stages[REVISIONS + 1]; /* by revision */
    uint64_t next[REVISIONS + 1];       /* the revision in force after this one */
    plate_key keys[PLATES];
} plan;

static uint64_t seed;

static uint64_t random_below(uint64_t bound)
{
    seed = seed * 6364136223846793005U + 1442695040888963407U;
    return (seed >> 33) % bound;
}

static int plate_of(uint64_t id)
{
    return (int)(id % PLATES);
}

static int make_version(uint64_t id, uint64_t revision)
{
    char plate[32];
    struct err_text err = {0};
    int at = plan.version_count++;
    struct version *v = &plan.versions[at];
    assert_true(at < VERSIONS);
    (void)snprintf(plate, sizeof(plate), "鲁H%05d", 10000 + plate_of(id) * 1111);
    json_t *entry = entry_json(id, plate, 1 + (int)random_below(3));
    json_object_set_new(entry, "case_number", json_sprintf("A%d", at)); /* tells versions apart */
    if (random_below(6) == 0) {
        json_object_set_new(entry, "handling", json_string("observe"));
    }
    char *json = NULL;
    ok(wanted_entry_from_json(entry, &v->item.record, &json, &err), &err);
    json_decref(entry);
    v->item.text = json;
    v->from = revision;
    v->until = UINT64_MAX;
    v->successor = -1;
    int p = plate_of(id);
    assert_true(plan.count_of_plate[p] < OF_A_PLATE);
    plan.of_plate[p][plan.count_of_plate[p]++] = at;
    plan.keys[p] = v->item.record.key;
    return at;
}

enum { ADDED_MOST = 8, CHANGED_MOST = 3, WITHDRAWN_MOST = 6 };

struct batch_items {
    struct wanted_item added[ADDED_MOST];
    struct wanted_item changed[CHANGED_MOST];
    uint64_t withdrawn[WITHDRAWN_MOST];
    struct batch_plan plan;
};

/* Some live ids from `first` on, rising. */
static size_t pick_live(uint64_t first, size_t most, const bool *used, uint64_t *out)
{
    size_t count = 0;
    for (uint64_t id = first; id < plan.id_count && count < most; id += 1 + random_below(9)) {
        if (plan.live[id] >= 0 && !used[id]) {
            out[count++] = id;
        }
    }
    return count;
}

static void fill_batch(struct batch_items *b, uint64_t revision)
{
    static bool used[IDS];
    uint64_t ids[WITHDRAWN_MOST];
    memset(used, 0, sizeof(used));
    size_t adds = 1 + random_below(ADDED_MOST);
    for (size_t i = 0; i < adds && plan.id_count < IDS; i++) {
        uint64_t id = plan.id_count++;
        plan.live[id] = make_version(id, revision);
        used[id] = true;
        b->added[b->plan.added_count++] = plan.versions[plan.live[id]].item;
    }
    size_t changes = pick_live(1 + random_below(plan.id_count), CHANGED_MOST, used, ids);
    for (size_t i = 0; i < changes; i++) {
        struct version *old = &plan.versions[plan.live[ids[i]]];
        used[ids[i]] = true;
        old->until = revision;
        old->successor = plan.live[ids[i]] = make_version(ids[i], revision);
        b->changed[b->plan.changed_count++] = plan.versions[plan.live[ids[i]]].item;
    }
    size_t gone = pick_live(1 + random_below(plan.id_count), WITHDRAWN_MOST, used, b->withdrawn);
    b->plan.withdrawn_count = gone;
    for (size_t i = 0; i < gone; i++) {
        plan.versions[plan.live[b->withdrawn[i]]].until = revision;
        plan.live[b->withdrawn[i]] = -1;
    }
}

static struct text sign_batch(struct batch_items *b, struct list_head *head)
{
    struct err_text err = {0};
    struct envelope e;
    b->plan.head = *head;
    b->plan.time = at_ms(T0_MS);
    b->plan.added = b->added;
    b->plan.changed = b->changed;
    b->plan.withdrawn = b->withdrawn;
    ok(batch_compose(&b->plan, &e, &err), &err);
    head->revision++;
    head->time = b->plan.time;
    assert_int_equal(hash_bytes(e.payload, e.payload_size, head->hash), 0);
    assert_int_equal(envelope_sign(&e, plan.world->key[WORLD_CLERK_A]), 0);
    return sign_with(&e, plan.world->key[WORLD_CLERK_B]);
}

static void make_plan(void)
{
    struct list_head head = {0};
    struct err_text err = {0};
    struct wanted_list *hq = list_with_keys(plan.world);
    plan.id_count = 1;
    memset(plan.live, -1, sizeof(plan.live));
    for (uint64_t revision = 1; revision <= REVISIONS; revision++) {
        struct stage *stage = &plan.stages[revision];
        struct batch_items items;
        memset(&items, 0, sizeof(items));
        fill_batch(&items, revision);
        stage->batch = sign_batch(&items, &head);
        ok(wanted_list_apply_batch(hq, stage->batch.data, stage->batch.size, &err), &err);
        uint64_t what = random_below(20);
        stage->deed = what < 2 ? SNAPSHOT : what < 5 ? FULL : what < 6 ? WORN : FOLLOW;
        stage->brought_in = revision == 1 || revision == REVISIONS || random_below(3) > 0;
        if (!stage->brought_in && random_below(2) == 0) {
            stage->deed = NOTHING_GOES;
        }
        if (stage->deed == SNAPSHOT) {
            stage->shot = shot_of(plan.world, hq);
        }
    }
    uint64_t next = REVISIONS;
    for (uint64_t revision = REVISIONS + 1; revision-- > 0;) {
        plan.next[revision] = next;
        next = revision > 0 && plan.stages[revision].brought_in ? revision : next;
    }
    wanted_list_destroy(hq);
}

static int setup(void **state)
{
    (void)state;
    const char *given = getenv("CHECKPOINT_SEED");
    seed = given ? strtoull(given, NULL, 0) : 20261126;
    print_message("CHECKPOINT_SEED=%llu\n", (unsigned long long)seed);
    plan.world = world_create();
    make_plan();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    for (int i = 0; i < plan.version_count; i++) {
        item_free(&plan.versions[i].item);
    }
    for (uint64_t revision = 1; revision <= REVISIONS; revision++) {
        text_free(&plan.stages[revision].batch);
        shot_free(&plan.stages[revision].shot);
    }
    world_destroy(plan.world);
    return 0;
}

/* ---- readers ---- */

static void *slot; /* struct in_force * */
static atomic_bool over;

struct reader {
    pthread_t thread;
    uint64_t random;
    uint64_t looks;
    uint64_t found;
    uint64_t revisions; /* it has seen */
};

/* Not cmocka's: those belong to the main thread. */
#define demand(condition, ...)                                                                     \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            (void)fprintf(stderr, __VA_ARGS__);                                                    \
            (void)fprintf(stderr, "\nnot so: %s\n", #condition);                                   \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static bool is_observe(const struct version *v)
{
    return v->item.record.handling == HANDLING_OBSERVE;
}

/* The version a hit is of: by its text, which no other has. */
static const struct version *version_of(const struct match_result *result, int hit, int plate)
{
    const struct wanted_record *record = &result->hits[hit].entry;
    for (int i = 0; i < plan.count_of_plate[plate]; i++) {
        const struct version *v = &plan.versions[plan.of_plate[plate][i]];
        if (v->item.record.id == record->id && v->item.record.text_size == record->text_size &&
            memcmp(v->item.text, result->texts[hit], record->text_size) == 0) {
            return v;
        }
    }
    return NULL;
}

static bool holds_id(const struct match_result *result, uint64_t id)
{
    int count = 0;
    for (int i = 0; i < result->hit_count; i++) {
        count += result->hits[i].entry.id == id;
    }
    demand(count < 2, "entry %llu stands twice", (unsigned long long)id);
    return count == 1;
}

/* Whether an entry that has this version at `r` must be found while `next` comes into force. One
 * that is for observing between them goes when a try at that fails. */
static bool must_be_found(const struct version *v, uint64_t r, uint64_t next)
{
    if (v->from > r || v->until <= r || is_observe(v)) {
        return false;
    }
    while (v->until <= next && v->successor >= 0 && !is_observe(v)) {
        v = &plan.versions[v->successor];
    }
    return v->until > next && !is_observe(v);
}

static void check_hits(const struct match_result *result, uint64_t r, int plate)
{
    uint64_t next = plan.next[r];
    for (int i = 0; i < result->hit_count; i++) {
        const struct match_hit *hit = &result->hits[i];
        const struct version *v = version_of(result, i, plate);
        demand(hit->kind == MATCH_EXACT && hit->entry.key == plan.keys[plate],
               "plate %d found an entry of another", plate);
        demand(v, "entry %llu comes with another's text", (unsigned long long)hit->entry.id);
        demand(v->item.record.priority == hit->entry.priority, "record and text differ");
        demand(!is_observe(v), "an observe entry");
        demand(v->until > r, "entry %llu was withdrawn with %llu, found under %llu",
               (unsigned long long)hit->entry.id, (unsigned long long)v->until,
               (unsigned long long)r);
        demand(v->from <= next, "entry %llu comes with %llu, found under %llu",
               (unsigned long long)hit->entry.id, (unsigned long long)v->from,
               (unsigned long long)r);
    }
    if (result->dropped > 0) {
        return; /* more than a message has room for */
    }
    for (int i = 0; i < plan.count_of_plate[plate]; i++) {
        const struct version *v = &plan.versions[plan.of_plate[plate][i]];
        bool found = holds_id(result, v->item.record.id);
        demand(found || !must_be_found(v, r, next), "entry %llu missed under %llu",
               (unsigned long long)v->item.record.id, (unsigned long long)r);
    }
}

static void look(struct reader *reader)
{
    reader->random = reader->random * 6364136223846793005U + 1442695040888963407U;
    int plate = (int)((reader->random >> 33) % PLATES);
    struct plate_read read = {.kind = PLATE_KEY,
                              .key = plan.keys[plate],
                              .class = PLATE_CLASS_UNKNOWN,
                              .confidence = READ_CONFIDENCE_NONE};
    struct match_result result = {.hit_count = 0};
    const struct in_force *in_force = rcu_load(&slot);
    if (in_force && in_force->index) {
        uint64_t r = in_force->status.revision;
        match_find(in_force->index, NULL, &read, at_ms(T0_MS), true, &result);
        check_hits(&result, r, plate);
        reader->found += result.hit_count;
        reader->revisions = r > reader->revisions ? r : reader->revisions;
    }
    reader->looks++;
    rcu_reader_quiescent();
}

static void *reader_run(void *ctx)
{
    struct reader *reader = ctx;
    rcu_reader_register();
    while (!atomic_load_explicit(&over, memory_order_relaxed)) {
        look(reader);
    }
    look(reader);
    rcu_reader_unregister();
    return NULL;
}

/* ---- the list thread's part ---- */

/* As the reader of gateway/wanted asks: the change, then the whole. */
static int bring_into_force(struct wanted_list *list, int *rebuilds)
{
    struct wanted_changes changes;
    struct list_status status;
    struct err_text err = {0};
    bool rebuilt = false;
    wanted_list_changes(list, &changes);
    wanted_list_status(list, at_ms(T0_MS), &status);
    int result = in_force_change(&slot, list, &changes, &status, look_alikes, &rebuilt, &err);
    if (result < 0) {
        assert_true(err.text[0] != '\0');
        changes = (struct wanted_changes){.whole = true};
        result = in_force_change(&slot, list, &changes, &status, look_alikes, &rebuilt, &err);
    }
    *rebuilds += result == 0 && rebuilt;
    return result;
}

static void take(struct wanted_list *list, struct stage *stage)
{
    struct err_text err = {0};
    if (stage->deed == SNAPSHOT) {
        ok(wanted_list_load_snapshot(list, stage->shot.manifest.data, stage->shot.manifest.size,
                                     shot_source, &stage->shot, &err),
           &err);
    } else {
        ok(wanted_list_apply_batch(list, stage->batch.data, stage->batch.size, &err), &err);
    }
}

static size_t matched_adds(const struct wanted_changes *changes)
{
    size_t count = 0;
    for (size_t i = 0; i < changes->added_count; i++) {
        count += changes->added[i]->match.record.handling != HANDLING_OBSERVE;
    }
    return count;
}

static void test_readers_while_the_list_changes(void **state)
{
    (void)state;
    struct wanted_list *list = list_with_keys(plan.world);
    struct reader readers[READERS] = {{0}};
    int rebuilds = 0;
    int expected_rebuilds = 0;
    atomic_store(&over, false);
    for (int i = 0; i < READERS; i++) {
        readers[i].random = seed + (uint64_t)i;
        assert_int_equal(pthread_create(&readers[i].thread, NULL, reader_run, &readers[i]), 0);
    }
    for (uint64_t revision = 1; revision <= REVISIONS; revision++) {
        struct stage *stage = &plan.stages[revision];
        struct wanted_changes changes;
        take(list, stage);
        wanted_list_changes(list, &changes);
        if (!stage->brought_in && stage->deed != NOTHING_GOES) {
            continue;
        }
        adds_until_full = stage->deed == FULL || stage->deed == NOTHING_GOES ? 3 : -1;
        always_worn = stage->deed == WORN;
        creates_fail = stage->deed == NOTHING_GOES;
        bool full = adds_until_full >= 0 && matched_adds(&changes) > (size_t)adds_until_full;
        int result = bring_into_force(list, &rebuilds);
        expected_rebuilds += result == 0 && (changes.whole || full || always_worn);
        if (stage->deed == NOTHING_GOES) {
            assert_true(result == 0 || result == ERR_NO_MEMORY);
        } else {
            assert_int_equal(result, 0);
        }
        if (result == 0) {
            wanted_list_settle(list);
        }
    }
    atomic_store(&over, true);
    for (int i = 0; i < READERS; i++) {
        assert_int_equal(pthread_join(readers[i].thread, NULL), 0);
        assert_int_equal(readers[i].revisions, REVISIONS);
        assert_true(readers[i].looks > 0 && readers[i].found > 0);
    }
    assert_int_equal(rebuilds, expected_rebuilds);
    assert_int_equal(((struct in_force *)slot)->status.revision, REVISIONS);
    in_force_destroy(&slot);
    wanted_list_destroy(list);
}

static void test_the_judge_stays_over_every_change_of_the_list(void **state)
{
    (void)state;
    struct err_text err = {0};
    struct wanted_list *list = list_with_keys(plan.world);
    struct match_judge *judge = NULL;
    const struct match_operating_point point = {MATCH_FALSE_ALERTS_DEFAULT, MATCH_VEHICLES_DEFAULT};
    const struct in_force *now = NULL;
    int rebuilds = 0;
    adds_until_full = -1;
    always_worn = creates_fail = false;
    ok(match_judge_create(NULL, 0, &point, &judge, &err), &err);
    struct in_force *next = in_force_next(&slot);
    assert_non_null(next);
    next->judge = judge;
    in_force_publish(&slot, next); /* before any list */
    for (uint64_t revision = 1; revision <= 3; revision++) {
        struct stage *stage = &plan.stages[revision];
        ok(wanted_list_apply_batch(list, stage->batch.data, stage->batch.size, &err), &err);
        assert_int_equal(bring_into_force(list, &rebuilds), 0);
        wanted_list_settle(list);
        now = slot;
        assert_ptr_equal(now->judge, judge);
        assert_int_equal(now->status.revision, revision);
    }
    assert_int_equal(rebuilds, 1);
    const struct match_index *index = now->index;
    next = in_force_next(&slot);
    assert_non_null(next);
    assert_int_equal(match_judge_create(NULL, 0, &point, &next->judge, &err), 0);
    in_force_publish(&slot, next); /* the one before is destroyed, the index is not */
    now = slot;
    assert_ptr_equal(now->index, index);
    assert_ptr_not_equal(now->judge, judge);
    in_force_destroy(&slot);
    wanted_list_destroy(list);
}

static void apply(struct wanted_list *list, uint64_t revision)
{
    struct err_text err = {0};
    const struct text *batch = &plan.stages[revision].batch;
    ok(wanted_list_apply_batch(list, batch->data, batch->size, &err), &err);
}

static size_t matched_on(const struct wanted_list *list)
{
    size_t matched = 0;
    struct wanted_cursor cursor = {0};
    for (const struct wanted_entry *entry; (entry = wanted_list_next(list, &cursor));) {
        matched += is_matched(entry);
    }
    return matched;
}

/* The index of its own holds the observe entries, all of them. */
static void check_observed(const struct wanted_list *list)
{
    const struct in_force *now = slot;
    size_t observed = wanted_list_count(list) - matched_on(list);
    assert_true(observed > 0);
    assert_non_null(now->observed);
    assert_int_equal(match_index_count(now->observed), observed);
}

static void check_in_force(size_t count, uint8_t look_alike)
{
    const struct in_force *now = slot;
    assert_int_equal(match_index_count(now->index), count);
    assert_int_equal(now->look_alike_max, look_alike);
}

/* The policy asks for other look-alikes while a change of the list could not be brought in: the
 * list frees what it added without asking as soon as a later batch withdraws it. */
static void test_other_look_alikes_hold_no_entry_that_is_not_in_force(void **state)
{
    (void)state;
    struct err_text err = {0};
    struct wanted_list *list = list_with_keys(plan.world);
    int rebuilds = 0;
    adds_until_full = -1;
    always_worn = creates_fail = false;
    apply(list, 1);
    assert_int_equal(bring_into_force(list, &rebuilds), 0);
    wanted_list_settle(list);
    for (uint64_t revision = 2; revision <= REVISIONS / 2; revision++) {
        apply(list, revision);
    }
    adds_until_full = 0;
    creates_fail = true;
    assert_int_equal(bring_into_force(list, &rebuilds), ERR_NO_MEMORY);
    creates_fail = false;
    size_t before = match_index_count(((struct in_force *)slot)->index);
    assert_true(before < matched_on(list));
    assert_int_equal(in_force_look_alike(&slot, list, 3, &err), ERR_BUSY);
    check_in_force(before, MATCH_LOOK_ALIKE_DEFAULT);
    for (uint64_t revision = REVISIONS / 2 + 1; revision <= REVISIONS; revision++) {
        apply(list, revision);
    }
    look_alikes = 3; /* the change, which finds the index full, brings them with it */
    assert_int_equal(bring_into_force(list, &rebuilds), 0);
    wanted_list_settle(list);
    check_in_force(matched_on(list), 3);
    check_observed(list);
    look_alikes = MATCH_LOOK_ALIKE_DEFAULT;
    ok(in_force_look_alike(&slot, list, look_alikes, &err), &err);
    check_in_force(matched_on(list), MATCH_LOOK_ALIKE_DEFAULT);
    check_observed(list);
    in_force_destroy(&slot);
    wanted_list_destroy(list);
}

/* Ids of before that are matched on the list as it is now. */
static size_t still_matched(const struct wanted_list *list, const bool *before)
{
    size_t count = 0;
    for (uint64_t id = 0; id < IDS; id++) {
        const struct wanted_entry *entry = before[id] ? wanted_list_find(list, id) : NULL;
        count += entry && is_matched(entry);
    }
    return count;
}

/* What else came with it cannot be brought in, for want of memory or past a limit. */
static void test_what_is_withdrawn_is_found_no_more_whatever_fails(void **state)
{
    (void)state;
    static bool before[IDS];
    struct wanted_list *list = list_with_keys(plan.world);
    struct wanted_cursor cursor = {0};
    int rebuilds = 0;
    adds_until_full = -1;
    always_worn = creates_fail = false;
    memset(before, 0, sizeof(before));
    for (uint64_t revision = 1; revision <= REVISIONS / 2; revision++) {
        apply(list, revision);
    }
    assert_int_equal(bring_into_force(list, &rebuilds), 0);
    wanted_list_settle(list);
    for (const struct wanted_entry *entry; (entry = wanted_list_next(list, &cursor));) {
        before[entry->match.record.id] = is_matched(entry);
    }
    for (uint64_t revision = REVISIONS / 2 + 1; revision <= REVISIONS; revision++) {
        apply(list, revision);
    }
    size_t left = still_matched(list, before);
    assert_true(left < match_index_count(((struct in_force *)slot)->index));
    adds_until_full = 0;
    creates_fail = true;
    for (int try = 0; try < 2; try++) {
        assert_int_equal(bring_into_force(list, &rebuilds), ERR_NO_MEMORY);
        check_in_force(left, MATCH_LOOK_ALIKE_DEFAULT);
    }
    adds_until_full = -1;
    creates_fail = false;
    assert_int_equal(bring_into_force(list, &rebuilds), 0);
    wanted_list_settle(list);
    check_in_force(matched_on(list), MATCH_LOOK_ALIKE_DEFAULT);
    in_force_destroy(&slot);
    wanted_list_destroy(list);
}

/* Batch by batch into the running index: each that touches an observe entry changes theirs. */
static void test_observe_entries_follow_every_batch(void **state)
{
    (void)state;
    struct wanted_list *list = list_with_keys(plan.world);
    int rebuilds = 0;
    size_t seen = 0;
    size_t checked = 0;
    adds_until_full = -1;
    always_worn = creates_fail = false;
    for (uint64_t revision = 1; revision <= REVISIONS; revision++) {
        apply(list, revision);
        assert_int_equal(bring_into_force(list, &rebuilds), 0);
        wanted_list_settle(list);
        size_t observed = wanted_list_count(list) - matched_on(list);
        if (observed > 0) {
            check_observed(list);
        } else {
            assert_null(((struct in_force *)slot)->observed);
        }
        checked += observed != seen;
        seen = observed;
    }
    assert_true(checked > 10);
    in_force_destroy(&slot);
    wanted_list_destroy(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_readers_while_the_list_changes),
        cmocka_unit_test(test_the_judge_stays_over_every_change_of_the_list),
        cmocka_unit_test(test_other_look_alikes_hold_no_entry_that_is_not_in_force),
        cmocka_unit_test(test_what_is_withdrawn_is_found_no_more_whatever_fails),
        cmocka_unit_test(test_observe_entries_follow_every_batch),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
