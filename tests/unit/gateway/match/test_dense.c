/*
 * Real plates of one city, as dense as they are: half of them wanted, the others innocent and read
 * without fault. None alerts as exact; what alerts besides is a look-alike, no oftener than the
 * commercial rule (one look-alike character) would have it, and never ahead of an exact match.
 * Reads `plates-cn.txt` (a plate a line) in the folder CHECKPOINT_TEST_DATA or ../shared/data; is
 * skipped, saying so, when it is not there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/match/index.h"
#include "gateway/match/look_alike.h"
#include "pairs_builder.h"

enum { PLATES_MAX = 200 * 1000, SEED = 5 };

struct dense {
    size_t count;
    plate_key *plates; /* shuffled: the first half is wanted */
    plate_key *folded; /* of the wanted ones, rising */
    struct match_entry *entries;
    struct match_index *index;
    struct match_judge *judge;
};

static struct look_alike groups;

static FILE *open_plates(char path[512])
{
    const char *folder = getenv("CHECKPOINT_TEST_DATA");
    snprintf(path, 512, "%s/plates-cn.txt", folder ? folder : "../shared/data");
    return fopen(path, "re");
}

static void read_plates(struct dense *d, FILE *file)
{
    char line[64];
    d->plates = calloc(PLATES_MAX, sizeof(*d->plates));
    assert_non_null(d->plates);
    while (d->count < PLATES_MAX && fgets(line, sizeof(line), file)) {
        line[strcspn(line, "\r\n")] = '\0';
        d->plates[d->count++] = key_of(line);
    }
    fclose(file);
    assert_true(d->count > 1000);
}

static int by_key(const void *a, const void *b)
{
    plate_key left = *(const plate_key *)a;
    plate_key right = *(const plate_key *)b;
    return left < right ? -1 : left > right;
}

static void make_list(struct dense *d)
{
    struct pairs_random random = {SEED};
    size_t wanted = d->count / 2;
    struct err_text err = {""};
    for (size_t i = d->count; i > 1; i--) {
        size_t other = pairs_below(&random, i);
        plate_key was = d->plates[i - 1];
        d->plates[i - 1] = d->plates[other];
        d->plates[other] = was;
    }
    d->entries = calloc(wanted, sizeof(*d->entries));
    d->folded = calloc(wanted, sizeof(*d->folded));
    const struct match_entry **pointers = calloc(wanted, sizeof(const struct match_entry *));
    assert_true(d->entries && d->folded && pointers);
    for (size_t i = 0; i < wanted; i++) {
        d->entries[i] = (struct match_entry){.record = {.id = i + 1,
                                                        .key = d->plates[i],
                                                        .valid_until = {INT64_MAX},
                                                        .class = PLATE_CLASS_ANY,
                                                        .priority = 2,
                                                        .handling = HANDLING_STOP},
                                             .text = ""};
        d->folded[i] = look_alike_fold(&groups, d->plates[i]);
        pointers[i] = &d->entries[i];
    }
    qsort(d->folded, wanted, sizeof(*d->folded), by_key);
    assert_int_equal(match_index_create(pointers, wanted, NULL, &d->index, &err), 0);
    free(pointers);
}

static void make_judge(struct dense *d)
{
    const struct match_operating_point point = {MATCH_FALSE_ALERTS_DEFAULT, MATCH_VEHICLES_DEFAULT};
    struct match_channel *channel = channel_simulated(CHANNEL_MAINLAND);
    const struct match_channel *channels[] = {channel};
    struct err_text err = {""};
    assert_int_equal(match_judge_create(channels, 1, &point, &d->judge, &err), 0);
    channel_destroy(channel);
}

static int set_up(void **state)
{
    static struct dense dense;
    char path[512];
    FILE *file = open_plates(path);
    if (!file) {
        print_message("skipped: no %s\n", path);
        return 0;
    }
    look_alike_init(&groups, true);
    read_plates(&dense, file);
    make_list(&dense);
    make_judge(&dense);
    *state = &dense;
    return 0;
}

static int tear_down(void **state)
{
    struct dense *d = *state;
    if (d) {
        match_index_destroy(d->index);
        match_judge_destroy(d->judge);
        free(d->entries);
        free(d->folded);
        free(d->plates);
    }
    return 0;
}

static struct plate_read read_well(plate_key plate)
{
    return (struct plate_read){.kind = PLATE_KEY, .key = plate, .confidence = 99};
}

/* By the definition: is a wanted plate at most one look-alike character away? */
static bool commercial_alerts(const struct dense *d, plate_key plate)
{
    size_t wanted = d->count / 2;
    plate_key folded = look_alike_fold(&groups, plate);
    if (!bsearch(&folded, d->folded, wanted, sizeof(*d->folded), by_key)) {
        return false;
    }
    for (size_t i = 0; i < wanted; i++) {
        if (look_alike_fold(&groups, d->plates[i]) == folded &&
            look_alike_distance(d->plates[i], plate) <= 1) {
            return true;
        }
    }
    return false;
}

static void test_innocent_plates(void **state)
{
    const struct dense *d = *state;
    size_t commercial = 0;
    size_t ours = 0;
    if (!d) {
        skip();
        return; /* skip() does not, but nothing says so */
    }
    for (size_t i = d->count / 2; i < d->count; i++) {
        const struct plate_read read = read_well(d->plates[i]);
        struct match_result result;
        match_find(d->index, d->judge, &read, (struct wall_time){1}, true, &result);
        bool may_alert = commercial_alerts(d, d->plates[i]);
        commercial += may_alert;
        ours += result.hit_count > 0;
        for (int h = 0; h < result.hit_count; h++) {
            assert_int_equal(result.hits[h].kind, MATCH_LOOK_ALIKE);
            assert_true(may_alert);
        }
    }
    print_message("of %zu innocent plates %zu alert, by the commercial rule %zu\n",
                  d->count - d->count / 2, ours, commercial);
    assert_true(commercial > 0); /* the plates are dense enough to tell anything */
    assert_true(ours <= commercial);
}

static void test_wanted_plates(void **state)
{
    const struct dense *d = *state;
    if (!d) {
        skip();
        return; /* skip() does not, but nothing says so */
    }
    size_t beside = 0;
    for (size_t i = 0; i < d->count / 2; i++) {
        const struct plate_read read = read_well(d->plates[i]);
        struct match_result result;
        match_find(d->index, d->judge, &read, (struct wall_time){1}, true, &result);
        assert_true(result.hit_count > 0);
        assert_int_equal(result.hits[0].kind, MATCH_EXACT);
        assert_true(result.hits[0].entry.key == d->plates[i]);
        for (int h = 1; h < result.hit_count; h++) {
            assert_int_equal(result.hits[h].kind, MATCH_LOOK_ALIKE);
            assert_true(result.hits[h].odds_db <= result.hits[0].odds_db);
            beside++;
        }
    }
    assert_true(beside > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_innocent_plates),
        cmocka_unit_test(test_wanted_plates),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
