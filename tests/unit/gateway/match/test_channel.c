/* Channel files: what is written reads back to the same bytes, and every fault is named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/base/json.h"
#include "pairs_builder.h"

static char *text_of(enum channel_alphabet alphabet, size_t *out_size)
{
    struct match_channel *channel = channel_simulated(alphabet);
    char *text = NULL;
    assert_int_equal(channel_write(channel, &text, out_size), 0);
    channel_destroy(channel);
    return text;
}

static void test_round_trip(void **state)
{
    (void)state;
    for (int alphabet = 0; alphabet < CHANNEL_ALPHABETS; alphabet++) {
        struct match_channel *channel = NULL;
        struct err_text err = {""};
        size_t size = 0;
        size_t again_size = 0;
        char *again = NULL;
        char *text = text_of((enum channel_alphabet)alphabet, &size);
        int result = channel_parse(text, size, &channel, &err);
        assert_string_equal(err.text, "");
        assert_int_equal(result, 0);
        assert_int_equal(channel->alphabet, alphabet);
        assert_int_equal(channel->version, 7);
        assert_int_equal(channel->pairs, 2000);
        assert_int_equal(channel->learned_at.ms, 1764122208123);
        assert_int_equal(channel_write(channel, &again, &again_size), 0);
        assert_int_equal(again_size, size);
        assert_memory_equal(again, text, size);
        channel_destroy(channel);
        free(again);
        free(text);
    }
}

/* ---- faults ---- */

/* The file with the value at `path` ("invented/symbols") replaced by JSON text, NULL: removed. */
static char *changed(const char *text, size_t size, const char *path, const char *value,
                     size_t *out_size)
{
    struct err_text err = {""};
    json_t *object = NULL;
    json_t *at = NULL;
    char name[64];
    char *out = NULL;
    assert_int_equal(json_parse(text, size, &object, &err), 0);
    at = object;
    for (const char *slash = strchr(path, '/'); slash; slash = strchr(path, '/')) {
        snprintf(name, sizeof(name), "%.*s", (int)(slash - path), path);
        at = json_is_array(at) ? json_array_get(at, strtoul(name, NULL, 10))
                               : json_object_get(at, name);
        assert_non_null(at);
        path = slash + 1;
    }
    json_t *put = value ? json_loads(value, JSON_DECODE_ANY, NULL) : NULL;
    if (!value) {
        assert_int_equal(json_object_del(at, path), 0);
    } else if (json_is_array(at)) {
        assert_int_equal(json_array_set_new(at, strtoul(path, NULL, 10), put), 0);
    } else {
        assert_int_equal(json_object_set_new(at, path, put), 0);
    }
    assert_int_equal(json_canonical(object, &out, out_size), 0);
    json_decref(object);
    return out;
}

static const struct fault {
    enum channel_alphabet alphabet;
    const char *path;
    const char *value;
    const char *expected;
} faults[] = {
    {CHANNEL_LATIN, "alphabet", NULL, "channel: alphabet: missing, expected text"},
    {CHANNEL_LATIN, "alphabet", "3", "channel: alphabet: not text, expected text"},
    {CHANNEL_LATIN, "alphabet", "\"cyrillic\"",
     "channel: alphabet: 'cyrillic': expected latin or mainland"},
    {CHANNEL_LATIN, "format", NULL, "channel: format: missing, expected a whole number"},
    {CHANNEL_LATIN, "format", "2", "channel: format: '2': expected 1"},
    {CHANNEL_LATIN, "colour", "1", "channel: 'colour': unknown field"},
    {CHANNEL_LATIN, "learned_at", "\"yesterday\"",
     "channel: learned_at: 'yesterday': expected UTC as 2026-11-24T03:46:48.123Z"},
    {CHANNEL_LATIN, "pairs", "-1", "channel: pairs: '-1': expected 0 to 10000000"},
    {CHANNEL_LATIN, "smoothing", "0", "channel: smoothing: '0': expected 1 to 10000"},
    {CHANNEL_LATIN, "version", "0", "channel: version: '0': expected 1 to 9223372036854775807"},
    {CHANNEL_LATIN, "version", "\"7\"",
     "channel: version: not a whole number, expected a whole number"},
    {CHANNEL_LATIN, "read/8", NULL, "channel: read.8: missing, expected an object"},
    {CHANNEL_LATIN, "read/云", "{}", "channel: read: 37 fields, expected at most 36"},
    {CHANNEL_LATIN, "read/8/seen", NULL, "channel: read.8: seen: missing, expected a whole number"},
    {CHANNEL_LATIN, "read/8/ppm/云", "5", "channel: read.8: ppm: '云': no symbol that stands here"},
    {CHANNEL_LATIN, "read/8/ppm/8", "0", "channel: read.8: ppm: 8: '0': expected 1 to 1000000"},
    {CHANNEL_LATIN, "read/8/ppm", "{\"8\":999970}",
     "channel: read.8: ppm: sum '999970': expected at most 999965"},
    {CHANNEL_LATIN, "lost/first", "500001", "channel: lost: first: '500001': expected 1 to 500000"},
    {CHANNEL_LATIN, "lost/middle", "5", "channel: lost: 4 fields, expected at most 3"},
    {CHANNEL_LATIN, "invented/behind", NULL,
     "channel: invented: behind: missing, expected a whole number"},
    {CHANNEL_LATIN, "invented/symbols", "[]",
     "channel: invented: symbols: not an object, expected an object"},
    {CHANNEL_LATIN, "share/D", "{\"A\":5}", "channel: share: D: 'A': no symbol that stands here"},
    {CHANNEL_LATIN, "share/D",
     "{\"0\":1,\"1\":1,\"2\":1,\"3\":1,\"4\":1,\"5\":1,\"6\":1,\"7\":1,\"8\":1,\"9\":1}",
     "channel: share: D: sum '10': expected exactly 1000000"},
    {CHANNEL_LATIN, "share/P", "{}", "channel: share: 3 fields, expected at most 2"},
    {CHANNEL_MAINLAND, "share/A", NULL, "channel: share: A: missing, expected an object"},
    {CHANNEL_LATIN, "patterns", "{\"PAD\":5}", "channel: patterns: 'PAD': expected 1 to 10 of DL"},
    {CHANNEL_MAINLAND, "patterns", "{\"PADX\":5}",
     "channel: patterns: 'PADX': expected 1 to 10 of DLAPS"},
    {CHANNEL_LATIN, "patterns", "{\"DDDDDDDDDDD\":5}",
     "channel: patterns: 'DDDDDDDDDDD': expected 1 to 10 of DL"},
    {CHANNEL_LATIN, "patterns", "{\"DD\":0}", "channel: patterns.DD: '0': expected 1 to 1000000"},
    {CHANNEL_LATIN, "patterns", "{\"DD\":1000000}",
     "channel: patterns: sum '1000000': expected at most 999999"},
    {CHANNEL_LATIN, "evidence/best", "[]", "channel: evidence: best: expected a list of 7"},
    {CHANNEL_LATIN, "evidence/candidate/2/weight_cdb", "4001",
     "channel: evidence: candidate[2]: weight_cdb: '4001': expected -4000 to 4000"},
    {CHANNEL_LATIN, "evidence/candidate/0/weight_cdb", "-4000",
     "channel: evidence: candidate[1].weight_cdb: '%d': expected at most -4000"},
    {CHANNEL_LATIN, "evidence/best/6/weight_cdb", "-4000",
     "channel: evidence: best[6].weight_cdb: '-4000': expected at least %d"},
    {CHANNEL_LATIN, "evidence/none/weight_cdb", "4000",
     "channel: evidence: none.weight_cdb: '4000': expected at most %d"},
    {CHANNEL_LATIN, "evidence/none/observed", NULL,
     "channel: evidence: none: observed: missing, expected a whole number"},
    {CHANNEL_LATIN, "innocent_e15", "[1]", "channel: innocent_e15: expected a list of 64"},
    {CHANNEL_LATIN, "innocent_e15/1", "9223372036854775807",
     "channel: innocent_e15[1]: '9223372036854775807': expected 0 to %d"},
};

/* "%d" in the expected text stands for any number. */
static void assert_like(const char *text, const char *expected)
{
    const char *any = strstr(expected, "%d");
    if (!any) {
        assert_string_equal(text, expected);
        return;
    }
    size_t head = (size_t)(any - expected);
    assert_memory_equal(text, expected, head);
    text += head;
    assert_true(strspn(text, "-0123456789") > 0);
    assert_string_equal(text + strspn(text, "-0123456789"), any + 2);
}

static void test_faults(void **state)
{
    (void)state;
    char *texts[CHANNEL_ALPHABETS];
    size_t sizes[CHANNEL_ALPHABETS];
    for (int i = 0; i < CHANNEL_ALPHABETS; i++) {
        texts[i] = text_of((enum channel_alphabet)i, &sizes[i]);
    }
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        const struct fault *fault = &faults[i];
        struct match_channel *channel = NULL;
        struct err_text err = {""};
        size_t size = 0;
        char *text = changed(texts[fault->alphabet], sizes[fault->alphabet], fault->path,
                             fault->value, &size);
        int result = channel_parse(text, size, &channel, &err);
        assert_null(channel);
        assert_like(err.text, fault->expected);
        assert_int_equal(result, strcmp(fault->path, "format") == 0 && fault->value
                                     ? ERR_UNSUPPORTED
                                     : ERR_INVALID);
        free(text);
    }
    for (int i = 0; i < CHANNEL_ALPHABETS; i++) {
        free(texts[i]);
    }
}

static void test_not_json(void **state)
{
    (void)state;
    struct match_channel *channel = NULL;
    struct err_text err = {""};
    static char big[CHANNEL_TEXT_MAX + 1];
    assert_int_equal(channel_parse("{\"a\":", 5, &channel, &err), ERR_INVALID);
    assert_memory_equal(err.text, "channel: line 1 column 5: ", 26);
    assert_int_equal(channel_parse("[]", 2, &channel, &err), ERR_INVALID);
    assert_string_equal(err.text, "channel: not a JSON object");
    assert_int_equal(channel_parse(big, sizeof(big), &channel, &err), ERR_TOO_LARGE);
    assert_string_equal(err.text, "channel: 524289 bytes, expected at most 524288");
}

static void test_alphabets(void **state)
{
    (void)state;
    enum channel_alphabet alphabet = CHANNEL_LATIN;
    assert_int_equal(channel_alphabet_of(key_of("7ABC123")), CHANNEL_LATIN);
    assert_int_equal(channel_alphabet_of(key_of("KA12345")), CHANNEL_LATIN);
    assert_int_equal(channel_alphabet_of(key_of("7AB?123")), CHANNEL_LATIN);
    assert_int_equal(channel_alphabet_of(key_of("云A12345")), CHANNEL_MAINLAND);
    assert_int_equal(channel_alphabet_of(key_of("WJ鲁12345")), CHANNEL_MAINLAND);
    assert_int_equal(channel_alphabet_of(key_of("224578使")), CHANNEL_MAINLAND);
    assert_int_equal(channel_alphabet_parse("mainland", &alphabet), 0);
    assert_int_equal(alphabet, CHANNEL_MAINLAND);
    assert_int_equal(channel_alphabet_parse("", &alphabet), ERR_NOT_FOUND);
    assert_string_equal(channel_alphabet_name(CHANNEL_LATIN), "latin");
    assert_null(channel_alphabet_name(CHANNEL_ALPHABETS));
}

static void test_gaps(void **state)
{
    (void)state;
    static const int gaps[][2] = {{0, 0}, {1, 1}, {2, 2},  {3, 3},  {4, 3},  {5, 4},
                                  {8, 4}, {9, 5}, {16, 5}, {17, 6}, {100, 6}};
    for (size_t i = 0; i < sizeof(gaps) / sizeof(gaps[0]); i++) {
        assert_int_equal(channel_gap_bucket(gaps[i][0]), gaps[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_faults),
        cmocka_unit_test(test_not_json),   cmocka_unit_test(test_alphabets),
        cmocka_unit_test(test_gaps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
