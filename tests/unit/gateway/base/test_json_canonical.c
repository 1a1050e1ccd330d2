/*
 * The quick look at a canonical object takes what canonical writing makes, and nothing that the
 * parser refuses. CHECKPOINT_SEED and CHECKPOINT_ROUNDS for other draws.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/json.h"

static bool takes(const char *text)
{
    return json_is_canonical_object(text, strlen(text));
}

static bool parser_takes(const char *text, size_t size)
{
    json_t *value = NULL;
    bool taken = json_parse(text, size, &value, NULL) == 0 && json_is_object(value);
    json_decref(value);
    return taken;
}

static const char *const good[] = {
    "{}",
    "{\"a\":1}",
    "{\"a\":-12,\"b\":0,\"c\":999999999999999999}",
    "{\"a\":[],\"b\":{},\"c\":[1,\"x\",{\"y\":[true,false,null]}],\"d\":\"\"}",
    "{\"plate\":\"鲁H12345\",\"say\":\"a \\\"b\\\" \\n\\/\\\\\"}",
    "{\"\":1,\"a\":2,\"aa\":3,\"b\":4,\"汉\":\"😀\"}",
};

static void canonical_objects_are_taken(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_true(takes(good[i]));
        assert_true(parser_takes(good[i], strlen(good[i])));
    }
}

static void anything_else_is_left_to_the_parser(void **state)
{
    (void)state;
    static const char *const other[] = {
        "",
        "{",
        "1",
        "[]",
        "\"a\"",
        "{}x",
        "{} ",
        " {}",
        "{\"a\": 1}",
        "{\"a\":1,}",
        "{,}",
        "{\"a\":1 ,\"b\":2}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,\"a\":2}",
        "{\"b\":1,\"a\":2}",
        "{\"aa\":1,\"a\":2}",
        "{\"a\\n\":1}",
        "{\"a\":01}",
        "{\"a\":-}",
        "{\"a\":1.0}",
        "{\"a\":1e3}",
        "{\"a\":1000000000000000000}",
        "{\"a\":\"\t\"}",
        "{\"a\":\"\\u0041\"}",
        "{\"a\":\"\\x\"}",
        "{\"a\":\"\\",
        "{\"a\":\"\xff\"}",
        "{\"a\":\"\xc0\xaf\"}",
        "{\"a\":\"\xed\xa0\x80\"}",
        "{\"a\":\"\xf4\x90\x80\x80\"}",
        "{\"a\":\"\xe9\xb2",
        "{\"a\":[1,]}",
        "{\"a\":[1}",
        "{\"a\":{\"b\":1]}",
        "{\"a\":tru}",
        "{\"a\":nul",
        "{\"a\":[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]}",
    };
    for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++)
        if (takes(other[i]))
            fail_msg("taken: %s", other[i]);
}

/* Bytes changed, left out and doubled in what is good. */
static void what_is_taken_the_parser_takes_too(void **state)
{
    (void)state;
    const char *seed_text = getenv("CHECKPOINT_SEED");
    const char *rounds_text = getenv("CHECKPOINT_ROUNDS");
    unsigned seed = seed_text ? (unsigned)strtoul(seed_text, NULL, 10) : 1;
    size_t rounds = rounds_text ? strtoul(rounds_text, NULL, 10) : 200000;
    size_t taken = 0;
    print_message("seed %u, %zu rounds\n", seed, rounds);
    for (size_t i = 0; i < rounds; i++) {
        char text[160];
        const char *from = good[(size_t)rand_r(&seed) % (sizeof(good) / sizeof(good[0]))];
        size_t size = strlen(from);
        memcpy(text, from, size + 1);
        for (int edits = 1 + rand_r(&seed) % 2; edits > 0; edits--) {
            size_t at = (size_t)rand_r(&seed) % size;
            size_t other = (size_t)rand_r(&seed) % size;
            unsigned char random = (unsigned char)rand_r(&seed);
            memmove(text + at, rand_r(&seed) % 3 ? (const void *)(text + other) : &random, 1);
            if (rand_r(&seed) % 4 == 0 && size > 2)
                memmove(text + at, text + at + 1, size-- - at);
        }
        if (!json_is_canonical_object(text, size))
            continue;
        taken++;
        if (!parser_takes(text, size))
            fail_msg("taken, the parser refuses: %.*s", (int)size, text);
    }
    assert_true(taken > rounds / 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(canonical_objects_are_taken),
        cmocka_unit_test(anything_else_is_left_to_the_parser),
        cmocka_unit_test(what_is_taken_the_parser_takes_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
