/* Learning finds the channel of a simulated camera again, and says when it cannot. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pairs_builder.h"

enum { MANY = 6000 };

static void assert_percent(uint32_t ppm, int percent, int tolerance)
{
    int least = percent > tolerance ? percent - tolerance : 0;
    assert_in_range(ppm, (uint32_t)least * 10000, (uint32_t)(percent + tolerance) * 10000);
}

static uint8_t symbol(char c)
{
    return plate_symbol_of((uint8_t)c);
}

static void test_finds_the_channel(void **state)
{
    (void)state;
    struct match_pair *pairs = pairs_create(3, CHANNEL_LATIN, MANY);
    struct match_channel *c = channel_of_pairs(pairs, MANY, CHANNEL_LATIN);
    assert_percent(c->read[symbol('8')].ppm[symbol('B')], PAIRS_8_B, 3);
    assert_percent(c->read[symbol('8')].ppm[symbol('8')], 100 - PAIRS_8_B, 3);
    assert_percent(c->read[symbol('0')].ppm[symbol('O')], PAIRS_0_O, 2);
    assert_percent(c->read[symbol('7')].ppm[symbol('7')], 100, 1);
    assert_percent(c->lost_ppm[CHANNEL_LOST_FIRST], PAIRS_LOST_FIRST, 1);
    assert_percent(c->lost_ppm[CHANNEL_LOST_INSIDE], 0, 1);
    assert_percent(c->invented_ppm[CHANNEL_BEFORE], PAIRS_ONE_BEFORE, 1);
    assert_percent(c->invented_ppm[CHANNEL_BEHIND], 0, 1);
    assert_percent(c->invented.ppm[symbol('1')], 95, 5);
    channel_destroy(c);
    free(pairs);
}

static void test_what_innocent_reads_look_like(void **state)
{
    (void)state;
    struct match_pair *pairs = pairs_create(4, CHANNEL_MAINLAND, MANY);
    struct match_channel *c = channel_of_pairs(pairs, MANY, CHANNEL_MAINLAND);
    bool found = false;
    for (size_t i = 0; i < c->pattern_count; i++) {
        if (strcmp(c->patterns[i].text, "PADDDDD") == 0) {
            assert_in_range(c->patterns[i].ppm, 500000, 850000);
            found = true;
        }
    }
    assert_true(found);
    assert_percent(c->share[CHANNEL_PROVINCE].ppm[PLATE_SYMBOL_PROVINCE_FIRST + 24], 99, 1);
    assert_percent(c->share[CHANNEL_AREA].ppm[symbol('A')], 98, 2);
    assert_percent(c->share[CHANNEL_DIGIT].ppm[symbol('7')], 10, 1);
    channel_destroy(c);
    free(pairs);
}

/* The simulated camera names the true plate as a close second whenever it names it at all. */
static void test_weighs_what_the_camera_says(void **state)
{
    (void)state;
    struct match_pair *pairs = pairs_create(5, CHANNEL_LATIN, MANY);
    struct match_channel *c = channel_of_pairs(pairs, MANY, CHANNEL_LATIN);
    const struct channel_evidence *best = &c->evidence[CHANNEL_ROW_BEST];
    assert_int_equal(best[1].observed, 0);
    assert_true(best[1].expected_milli > 100 * 1000);
    assert_true(best[1].weight_cdb < -1000);
    assert_true(best[6].weight_cdb > 0);
    assert_true(c->evidence[CHANNEL_ROW_CANDIDATE + 1].observed > 100);
    assert_true(c->evidence[CHANNEL_ROW_CANDIDATE + 1].weight_cdb > 50);
    assert_true(c->evidence[CHANNEL_ROW_NONE].weight_cdb < -100);
    for (int i = 1; i < CHANNEL_LEVELS; i++) {
        assert_true(c->innocent_e15[i] <= c->innocent_e15[i - 1]);
    }
    assert_true(c->innocent_e15[0] > 0);
    channel_destroy(c);
    free(pairs);
}

static void test_order_does_not_matter(void **state)
{
    (void)state;
    enum { COUNT = 500 };
    struct match_pair *pairs = pairs_create(6, CHANNEL_LATIN, COUNT);
    struct match_channel *one = channel_of_pairs(pairs, COUNT, CHANNEL_LATIN);
    for (size_t i = 0; i < COUNT / 2; i++) {
        struct match_pair was = pairs[i];
        pairs[i] = pairs[COUNT - 1 - i];
        pairs[COUNT - 1 - i] = was;
    }
    struct match_channel *other = channel_of_pairs(pairs, COUNT, CHANNEL_LATIN);
    for (int t = 1; t < CHANNEL_SYMBOLS; t++) {
        for (int s = 1; s < CHANNEL_SYMBOLS; s++) {
            int64_t apart = (int64_t)one->read[t].ppm[s] - (int64_t)other->read[t].ppm[s];
            assert_true(apart >= -2 && apart <= 2);
        }
    }
    channel_destroy(one);
    channel_destroy(other);
    free(pairs);
}

static void test_too_few(void **state)
{
    (void)state;
    struct match_pair *pairs = pairs_create(7, CHANNEL_LATIN, 120);
    struct match_channel *channel = NULL;
    struct err_text err = {""};
    struct learn_options options = {CHANNEL_LATIN, 1, {0}, LEARN_SMOOTHING_DEFAULT};
    for (int i = 0; i < 7; i++) {
        pairs[3 * i].read.kind = PLATE_UNREAD;
        pairs[3 * i + 1].truth = key_of("云A12345");
        pairs[3 * i + 2].truth = key_of("AB?123");
    }
    assert_int_equal(channel_learn(pairs, 120, &options, &channel, &err), ERR_INVALID);
    assert_string_equal(err.text, "99 confirmed pairs of alphabet 'latin' with plate and read "
                                  "whole (of 120 pairs), expected 100 to 10000000");
    options.version = 0;
    assert_int_equal(channel_learn(pairs, 120, &options, &channel, &err), ERR_INVALID);
    assert_string_equal(err.text, "version = '0': expected 1 or more");
    options = (struct learn_options){CHANNEL_LATIN, 1, {0}, 0};
    assert_int_equal(channel_learn(pairs, 120, &options, &channel, &err), ERR_INVALID);
    assert_string_equal(err.text, "smoothing = '0': expected 1 to 10000");
    assert_null(channel);
    free(pairs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finds_the_channel),
        cmocka_unit_test(test_what_innocent_reads_look_like),
        cmocka_unit_test(test_weighs_what_the_camera_says),
        cmocka_unit_test(test_order_does_not_matter),
        cmocka_unit_test(test_too_few),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
