/* The newest events of a session: bounded in bytes, numbered without gaps, from any number on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/console/ring.h"

#define EPOCH "0123456789abcdef"

static void add(struct ring *ring, const char *line)
{
    assert_int_equal(ring_add(ring, EPOCH, line, strlen(line)), 0);
}

static void lines_are_as_a_browser_reads_them(void **state)
{
    (void)state;
    static const char expected[] = "id: " EPOCH "-1\nevent: m\ndata: {\"event\":\"hit\"}\n\n";
    struct ring ring;
    ring_init(&ring, 4096);
    assert_null(ring_after(&ring, 0));
    add(&ring, "{\"event\":\"hit\"}");
    const struct ring_line *line = ring_after(&ring, 0);
    assert_int_equal(line->size, sizeof expected - 1);
    assert_memory_equal(line->text, expected, line->size);
    assert_null(ring_next(line));
    assert_null(ring_after(&ring, 1));
    ring_clear(&ring);
}

static void the_oldest_give_way_and_who_is_behind_them_is_known(void **state)
{
    (void)state;
    struct ring ring;
    ring_init(&ring, 1000);
    assert_true(ring_reaches(&ring, 0));
    assert_false(ring_reaches(&ring, 1)); /* of the future */
    for (int i = 0; i < 100; i++) {
        char text[32];
        (void)snprintf(text, sizeof text, "{\"n\":%d}", i);
        add(&ring, text);
        assert_true(ring.bytes <= 1000);
    }
    uint64_t oldest = ring_after(&ring, 0)->number;
    assert_true(oldest > 1 && ring.newest == 100);
    assert_false(ring_reaches(&ring, oldest - 2));
    assert_true(ring_reaches(&ring, oldest - 1));
    assert_true(ring_reaches(&ring, 100));
    assert_false(ring_reaches(&ring, 101));
    for (const struct ring_line *line = ring_after(&ring, oldest); line; line = ring_next(line))
        assert_int_equal(line->number, ++oldest);
    assert_int_equal(oldest, 100);
    ring_clear(&ring);
    assert_false(ring_reaches(&ring, 99));
    assert_true(ring_reaches(&ring, 100));
    add(&ring, "{}");
    assert_int_equal(ring_after(&ring, 0)->number, 101);
    ring_clear(&ring);
}

static void a_line_longer_than_the_ring_stands_alone(void **state)
{
    (void)state;
    static char text[3000];
    struct ring ring;
    ring_init(&ring, 1000);
    add(&ring, "{}");
    memset(text, 'x', sizeof text - 1);
    add(&ring, text);
    assert_int_equal(ring_after(&ring, 0)->number, 2);
    assert_null(ring_next(ring_after(&ring, 0)));
    ring_clear(&ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_as_a_browser_reads_them),
        cmocka_unit_test(the_oldest_give_way_and_who_is_behind_them_is_known),
        cmocka_unit_test(a_line_longer_than_the_ring_stands_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
