/* The reckoning itself: probabilities that add up to one, and what the camera's words weigh. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/match/likelihood.h"
#include "pairs_builder.h"

static struct likelihood *likelihood;

static int set_up(void **state)
{
    (void)state;
    struct match_channel *channel = channel_simulated(CHANNEL_LATIN);
    likelihood = likelihood_create(channel);
    channel_destroy(channel);
    return likelihood ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    free(likelihood);
    return 0;
}

/* The probabilities of all reads up to `most` symbols. */
static double all_reads(double (*of)(const struct likelihood_plate *), int most)
{
    double sum = 0;
    struct likelihood_plate read = {0};
    for (read.count = 0; read.count <= most; read.count++) {
        long reads = lround(pow(PLATE_SYMBOL_ALNUM_LAST, read.count));
        for (long number = 0; number < reads; number++) {
            long rest = number;
            for (int i = 0; i < read.count; i++) {
                read.symbols[i] = (uint8_t)(1 + rest % PLATE_SYMBOL_ALNUM_LAST);
                rest /= PLATE_SYMBOL_ALNUM_LAST;
            }
            sum += of(&read);
        }
    }
    return sum;
}

static double of_short_plate(const struct likelihood_plate *read)
{
    struct likelihood_plate truth = {2, {PLATE_SYMBOL_DIGIT_0 + 8, PLATE_SYMBOL_LETTER_A}};
    return likelihood_of_read(likelihood, &truth, read);
}

/* What is missing are longer reads. */
static void test_all_reads_of_a_plate(void **state)
{
    (void)state;
    double sum = all_reads(of_short_plate, 4);
    assert_true(sum > 0.999 && sum < 1.0000001);
}

static double one_more(const struct likelihood_plate *read)
{
    return read->count == 4 ? likelihood_innocent(likelihood, read) : 0;
}

/* No shape of four symbols was seen much: a tenth of what is left for any shape, and a bit. */
static void test_innocent_reads_of_a_length(void **state)
{
    (void)state;
    double seen = 0;
    for (size_t i = 0; i < likelihood->pattern_count; i++) {
        seen += likelihood->patterns[i].count == 4 ? likelihood->patterns[i].part : 0;
    }
    double sum = all_reads(one_more, 4);
    assert_true(fabs(sum - seen - likelihood->other_pattern / PLATE_SYMBOLS_MAX) < 1e-6);
}

static void test_unread_symbols_say_nothing(void **state)
{
    (void)state;
    struct likelihood_plate truth = likelihood_plate_of(key_of("ABC128"));
    struct likelihood_plate read = likelihood_plate_of(key_of("ABC12?"));
    struct likelihood_plate other = likelihood_plate_of(key_of("ABC127"));
    double p = likelihood_of_read(likelihood, &truth, &read);
    double q = likelihood_of_read(likelihood, &other, &read);
    assert_true(fabs(p - q) < 1e-3 * p);
}

static struct plate_read said(uint8_t confidence, uint8_t second)
{
    return (struct plate_read){.kind = PLATE_KEY,
                               .key = key_of("ABC12B"),
                               .confidence = confidence,
                               .candidate_count = 2,
                               .candidates = {{key_of("ABC128"), second}, {key_of("XYZ777"), 40}}};
}

static void test_rows_of_evidence(void **state)
{
    (void)state;
    struct plate_read read = said(90, 88);
    plate_key best = read.key;
    assert_int_equal(likelihood_evidence_row(&read, best, best), CHANNEL_ROW_BEST + 2);
    assert_int_equal(likelihood_evidence_row(&read, best, key_of("ABC128")),
                     CHANNEL_ROW_CANDIDATE + 2);
    assert_int_equal(likelihood_evidence_row(&read, best, key_of("XYZ777")),
                     CHANNEL_ROW_CANDIDATE + 6);
    assert_int_equal(likelihood_evidence_row(&read, best, key_of("A8C12B")), CHANNEL_ROW_NONE);
    assert_int_equal(likelihood_evidence_row(&read, best, key_of("AB?12B")), -1);
    /* A candidate may stand above the best read. */
    read = said(80, 88);
    assert_int_equal(likelihood_evidence_row(&read, best, key_of("ABC128")), CHANNEL_ROW_CANDIDATE);
    assert_int_equal(likelihood_evidence_row(&read, best, best), CHANNEL_ROW_BEST);
    /* Without confidences nothing speaks for either. */
    read = said(90, READ_CONFIDENCE_NONE);
    assert_int_equal(likelihood_evidence_row(&read, best, best), CHANNEL_ROW_BEST);
    assert_int_equal(likelihood_evidence_row(&read, best, key_of("ABC128")),
                     CHANNEL_ROW_CANDIDATE + 6);
    read.candidate_count = 0;
    assert_int_equal(likelihood_evidence_row(&read, best, best), -1);
}

static void test_ratio_is_channel_and_evidence(void **state)
{
    (void)state;
    struct plate_read read = said(90, 88);
    plate_key plate = key_of("ABC128");
    double with = likelihood_ratio_db(likelihood, &read, read.key, plate);
    read.candidate_count = 0;
    double without = likelihood_ratio_db(likelihood, &read, read.key, plate);
    assert_true(likelihood->weight_db[CHANNEL_ROW_CANDIDATE + 2] > 0.5);
    assert_true(fabs(with - without - likelihood->weight_db[CHANNEL_ROW_CANDIDATE + 2]) < 1e-9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_reads_of_a_plate),
        cmocka_unit_test(test_innocent_reads_of_a_length),
        cmocka_unit_test(test_unread_symbols_say_nothing),
        cmocka_unit_test(test_rows_of_evidence),
        cmocka_unit_test(test_ratio_is_channel_and_evidence),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
