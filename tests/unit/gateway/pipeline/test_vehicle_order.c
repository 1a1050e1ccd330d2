/* The order in which the reads of one vehicle come does not matter: every permutation of seeded
 * sets of reads ends in the same plates, the same alerts, the same decision. */
#include "vehicle_world.h"

enum { READS = 4, SETS = 60 };

static const char *const texts[] = {"鲁H12345",  "鲁H1234S", "鲁H1?345", "鲁H12346",
                                    "鲁Q7253挂", "鲁H1Z345", NULL};

struct outcome {
    plate_key plates[PLATE_PLACES];
    uint8_t confidence[PLATE_PLACES];
    bool conflict;
    bool complete;
    bool proven;
    enum alert_level level;
    bool hold;
    bool raise;
    uint8_t levels[3]; /* told of each entry, the strongest */
    uint8_t read_count;
    int raises;
    uint8_t hold_count;
};

static uint64_t random_state;

static uint32_t draw(uint32_t end)
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return (uint32_t)((random_state * 0x2545F4914F6CDD1Du) >> 33) % end;
}

static struct outcome outcome_of(const struct sight *reads, const int *order)
{
    struct outcome out = {.level = ALERT_NONE};
    struct vehicle_world *w = world_create();
    uint64_t passage = 0;
    world_want(w, "鲁H12345");
    world_want(w, "鲁Q7253挂");
    world_want(w, "京A00000");
    for (int i = 0; i < READS; i++) {
        uint64_t to = world_see_as(w, reads[order[i]]);
        assert_true(passage == 0 || to == passage);
        passage = to;
        world_run(w, WORLD_STEP_MS);
    }
    world_loops(w, ENTRY_LOOP, 0, 1000);
    const struct vehicle *v = world_vehicle(w, passage);
    for (int i = 0; i < PLATE_PLACES; i++) {
        out.plates[i] = v->plates[i].key;
        out.confidence[i] = v->plates[i].confidence;
    }
    for (size_t i = 0; i < w->told_count; i++)
        if (w->told[i].kind == FACT_HIT && w->told[i].level > out.levels[w->told[i].entry - 1])
            out.levels[w->told[i].entry - 1] = (uint8_t)w->told[i].level;
    out.conflict = vehicle_in_conflict(v);
    out.complete = v->complete;
    out.proven = v->proven;
    out.level = v->decision.level;
    out.hold = v->decision.hold;
    out.raise = v->decision.raise;
    out.read_count = v->read_count;
    out.raises = w->raises;
    out.hold_count = world_slot(w)->state.hold_count;
    world_destroy(w);
    return out;
}

static bool equal(const struct outcome *a, const struct outcome *b)
{
    return memcmp(a->plates, b->plates, sizeof a->plates) == 0 &&
           memcmp(a->confidence, b->confidence, sizeof a->confidence) == 0 &&
           a->conflict == b->conflict && a->complete == b->complete && a->proven == b->proven &&
           a->level == b->level && a->hold == b->hold && a->raise == b->raise &&
           memcmp(a->levels, b->levels, sizeof a->levels) == 0 && a->read_count == b->read_count &&
           a->raises == b->raises && a->hold_count == b->hold_count;
}

/* The next permutation in lexical order; false after the last. */
static bool permute(int *order)
{
    int i = READS - 2;
    int j = READS - 1;
    while (i >= 0 && order[i] > order[i + 1])
        i--;
    if (i < 0)
        return false;
    while (order[j] < order[i])
        j--;
    int swap = order[i];
    order[i] = order[j];
    order[j] = swap;
    for (int a = i + 1, b = READS - 1; a < b; a++, b--) {
        swap = order[a];
        order[a] = order[b];
        order[b] = swap;
    }
    return true;
}

static void try_all(const struct sight *reads)
{
    int order[READS];
    for (int i = 0; i < READS; i++)
        order[i] = i;
    struct outcome first = outcome_of(reads, order);
    while (permute(order)) {
        struct outcome other = outcome_of(reads, order);
        if (!equal(&first, &other))
            for (int i = 0; i < READS; i++)
                print_message("%d: '%s' %u\n", order[i], reads[i].plate ? reads[i].plate : "",
                              reads[i].confidence);
        assert_true(equal(&first, &other));
    }
}

static void frames_of_one_event_in_any_order(void **state)
{
    (void)state;
    const char *seed = getenv("CHECKPOINT_SEED");
    random_state = seed ? strtoull(seed, NULL, 10) * 2 + 1 : 20261126;
    print_message("seed %llu\n", (unsigned long long)random_state);
    for (int set = 0; set < SETS; set++) {
        struct sight reads[READS];
        for (int i = 0; i < READS; i++)
            reads[i] = (struct sight){.camera = FRONT,
                                      .plate = texts[draw(sizeof texts / sizeof texts[0])],
                                      .event = 77,
                                      .confidence = (uint8_t)(40 + draw(60))};
        try_all(reads);
    }
}

/* Events of a car that stands: each its plate, read better or worse. */
static void events_that_say_the_plate_in_any_order(void **state)
{
    (void)state;
    static const uint16_t cameras[READS] = {FRONT, FRONT, REAR, PLAIN};
    for (int set = 0; set < 10; set++) {
        struct sight reads[READS];
        for (int i = 0; i < READS; i++)
            reads[i] = (struct sight){.camera = cameras[i],
                                      .plate = texts[0],
                                      .event = 100 + (uint64_t)i,
                                      .confidence = (uint8_t)(60 + 7 * i),
                                      .class = i == set % READS ? "02" : NULL};
        try_all(reads);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_of_one_event_in_any_order),
        cmocka_unit_test(events_that_say_the_plate_in_any_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
