/* One zstd frame each way; frames that lie about their size, are cut, doubled or too large. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/base/compress.h"

enum { TEXT_SIZE = 100000 };

static char *text_of(size_t size)
{
    char *text = malloc(size);
    assert_non_null(text);
    for (size_t i = 0; i < size; i++)
        text[i] = (char)('a' + i % 23);
    return text;
}

static void frame_of(size_t size, unsigned char **out, size_t *out_size)
{
    char *text = text_of(size);
    void *frame = NULL;
    assert_int_equal(compress_frame(text, size, &frame, out_size), 0);
    free(text);
    *out = frame;
}

static int decode(const void *frame, size_t size, size_t max)
{
    struct err_text err = {""};
    char *out = NULL;
    size_t out_size = 0;
    int rc = decompress_frame(frame, size, max, &out, &out_size, &err);
    free(out);
    return rc;
}

static void test_text_comes_back(void **state)
{
    (void)state;
    unsigned char *frame = NULL;
    size_t size = 0;
    frame_of(TEXT_SIZE, &frame, &size);
    assert_true(size < TEXT_SIZE / 10);
    struct err_text err = {""};
    char *out = NULL;
    size_t out_size = 0;
    assert_int_equal(decompress_frame(frame, size, TEXT_SIZE, &out, &out_size, &err), 0);
    char *text = text_of(TEXT_SIZE);
    assert_int_equal(out_size, TEXT_SIZE);
    assert_memory_equal(out, text, TEXT_SIZE);
    assert_int_equal(out[TEXT_SIZE], 0);
    free(text);
    free(out);
    free(frame);
}

static void test_what_does_not_shrink_is_told(void **state)
{
    (void)state;
    void *frame = NULL;
    size_t size = 0;
    assert_int_equal(compress_frame("ab", 2, &frame, &size), ERR_TOO_LARGE);
    assert_int_equal(compress_frame("", 0, &frame, &size), ERR_TOO_LARGE);
}

static void test_bomb_is_refused_by_what_it_states(void **state)
{
    (void)state;
    unsigned char *frame = NULL;
    size_t size = 0;
    frame_of(TEXT_SIZE, &frame, &size);
    assert_int_equal(decode(frame, size, TEXT_SIZE - 1), ERR_TOO_LARGE);
    free(frame);
}

static void test_every_cut_and_what_follows_is_refused(void **state)
{
    (void)state;
    unsigned char *frame = NULL;
    size_t size = 0;
    frame_of(TEXT_SIZE, &frame, &size);
    for (size_t cut = 0; cut < size; cut++)
        assert_int_equal(decode(frame, cut, TEXT_SIZE), ERR_INVALID);
    unsigned char *twice = malloc(2 * size);
    assert_non_null(twice);
    memcpy(twice, frame, size);
    memcpy(twice + size, frame, size);
    assert_int_equal(decode(twice, 2 * size, 3 * TEXT_SIZE), ERR_INVALID);
    assert_int_equal(decode(twice, size + 1, TEXT_SIZE), ERR_INVALID);
    free(twice);
    free(frame);
}

/* RFC 8878 3.1.1: a frame without its content size (single-segment flag and size flags 0). */
static void test_frame_that_states_no_size_is_refused(void **state)
{
    (void)state;
    static const unsigned char unstated[] = {0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58,
                                             0x09, 0x00, 0x00, 0x61}; /* last raw block: "a" */
    assert_int_equal(decode(unstated, sizeof(unstated), 100), ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_comes_back),
        cmocka_unit_test(test_what_does_not_shrink_is_told),
        cmocka_unit_test(test_bomb_is_refused_by_what_it_states),
        cmocka_unit_test(test_every_cut_and_what_follows_is_refused),
        cmocka_unit_test(test_frame_that_states_no_size_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
