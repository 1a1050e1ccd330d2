/*
 * Where the way to headquarters stands: asked again only for what this connection's receipts went
 * past, once, and for the chain it has.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#include "gateway/uplink/box_place.h"

static const char chain[] = "00112233445566778899aabbccddeeff";
static const char other[] = "ff112233445566778899aabbccddeeff";

static void begin(struct box_place *p, uint64_t confirmed, uint64_t head)
{
    struct box_line status = {.confirmed = confirmed, .head = head};
    memcpy(status.chain, chain, sizeof(status.chain));
    box_place_begin(p, &status);
}

static void expect_credit(struct box_place *p, const char *text)
{
    json_t *credit = box_place_credit(p, (struct outbox_amount){100, 5000});
    json_t *expected = json_loads(text, 0, NULL);
    assert_true(json_equal(credit, expected));
    json_decref(credit);
    json_decref(expected);
}

static void a_place_held_that_lies_behind_receipts_is_begun_at_once(void **state)
{
    (void)state;
    struct box_place p;
    box_place_init(&p);
    box_place_held(&p, chain, 0);
    assert_false(box_place_is_due(&p)); /* nothing is known of a journal yet */
    begin(&p, 1000, 1200);
    box_place_held(&p, chain, 1000);
    box_place_held(&p, other, 5);
    assert_false(box_place_is_due(&p));
    box_place_held(&p, chain, 900);
    assert_true(box_place_is_due(&p));
    begin(&p, 1000, 1200);
    assert_false(box_place_is_due(&p));
    expect_credit(&p, "{\"do\":\"credit\",\"n\":100,\"bytes\":5000,\"after\":900,"
                      "\"chain\":\"00112233445566778899aabbccddeeff\"}");
    expect_credit(&p, "{\"do\":\"credit\",\"n\":100,\"bytes\":5000}");
    box_place_held(&p, chain, 900); /* what is asked for is on its way */
    assert_false(box_place_is_due(&p));
    box_place_note(&p, 0, 950);
    box_place_held(&p, chain, 950);
    assert_false(box_place_is_due(&p));
    box_place_held(&p, chain, 920); /* once more put back */
    assert_true(box_place_is_due(&p));
    box_place_fini(&p);
}

static void a_gap_is_begun_again_whatever_receipts_said(void **state)
{
    (void)state;
    struct box_place p;
    box_place_init(&p);
    begin(&p, 0, 7);
    box_place_again(&p, other, 3);
    assert_false(box_place_is_due(&p));
    box_place_again(&p, chain, 3);
    assert_true(box_place_is_due(&p));
    box_place_fini(&p);
}

static void what_the_journal_has_only_rises_within_a_connection(void **state)
{
    (void)state;
    struct box_place p;
    struct box_journal journal;
    box_place_init(&p);
    begin(&p, 5, 9);
    box_place_note(&p, 12, 0);
    box_place_note(&p, 7, 8);
    box_place_read(&p, &journal);
    assert_string_equal(journal.chain, chain);
    assert_int_equal(journal.recorded, 12);
    assert_int_equal(journal.confirmed, 8);
    begin(&p, 2, 3); /* a journal put back to an earlier state */
    box_place_read(&p, &journal);
    assert_int_equal(journal.recorded, 3);
    assert_int_equal(journal.confirmed, 2);
    box_place_fini(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_place_held_that_lies_behind_receipts_is_begun_at_once),
        cmocka_unit_test(a_gap_is_begun_again_whatever_receipts_said),
        cmocka_unit_test(what_the_journal_has_only_rises_within_a_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
