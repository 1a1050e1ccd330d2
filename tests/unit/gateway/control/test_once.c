/* What was answered to acts under a number: once each, for a time, within bounds; with a clock of
 * the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/control/once.h"

static struct once *once;
static struct mono_time now;
static json_t *args;
static const char *known; /* what ONCE_KNOWN brought */

static int setup(void **state)
{
    (void)state;
    now = (struct mono_time){1000000000};
    args = json_pack("{s:s,s:i}", "plate", "鲁H12345", "lane", 1);
    return once_create(&once);
}

static int teardown(void **state)
{
    (void)state;
    json_decref(args);
    once_destroy(once);
    return 0;
}

static struct once_asked asked(const char *number)
{
    return (struct once_asked){.owner = 0,
                               .session = 7,
                               .uid = 100,
                               .number = number,
                               .act = "check",
                               .second = "",
                               .args = args};
}

/* By the connection `client`. */
static enum once_verdict ask_as(const struct once_asked *what, uint64_t client,
                                struct control_ticket *out)
{
    known = NULL;
    return once_ask(once, what, (struct control_ticket){client, (json_int_t)client * 10}, now, out,
                    &known);
}

static enum once_verdict ask(const char *number, struct control_ticket *out)
{
    struct once_asked what = asked(number);
    return ask_as(&what, 1, out);
}

static struct once_answer answer(struct control_ticket ticket, const char *text)
{
    struct once_answer all;
    once_take(once, ticket, text, now, &all);
    return all;
}

static const char *number_of(int i)
{
    static char text[32];
    snprintf(text, sizeof text, "0123456789abcdef-%d", i);
    return text;
}

static void a_number_has_a_form(void **state)
{
    char text[80];
    (void)state;
    assert_true(once_is_number("0123456789abcdef"));
    assert_true(once_is_number("3F2504E0-4F89-41D3-9A0C-0305E82C3301"));
    assert_false(once_is_number("0123456789abcde"));
    assert_false(once_is_number(""));
    assert_false(once_is_number("0123456789abcde_"));
    assert_false(once_is_number("0123456789abcdef\n"));
    memset(text, 'a', sizeof text);
    text[64] = '\0';
    assert_true(once_is_number(text));
    text[64] = 'a';
    text[65] = '\0';
    assert_false(once_is_number(text));
}

static void the_same_again_gets_the_same_answer(void **state)
{
    struct control_ticket ticket;
    struct control_ticket other = {0, 0};
    (void)state;
    assert_int_equal(ask(number_of(1), &ticket), ONCE_NEW);
    assert_true(once_is_ticket(ticket));
    assert_false(once_is_ticket((struct control_ticket){1, 1}));
    struct once_answer all = answer(ticket, "{\"ok\":true}");
    assert_int_equal(all.count, 1);
    assert_int_equal(all.tickets[0].client, 1);
    assert_int_equal(all.tickets[0].id, 10);
    assert_int_equal(ask(number_of(1), &other), ONCE_KNOWN);
    assert_string_equal(known, "{\"ok\":true}");
    assert_int_equal(other.client, 0);
    assert_int_equal(answer(ticket, "{\"ok\":false}").count, 0); /* answered already */
    assert_int_equal(ask(number_of(1), &other), ONCE_KNOWN);
    assert_string_equal(known, "{\"ok\":true}");
    assert_int_equal(ask(number_of(2), &other), ONCE_NEW);
}

static void who_asks_while_it_runs_waits_for_it(void **state)
{
    struct once_asked what = asked(number_of(1));
    struct control_ticket ticket;
    struct control_ticket none;
    (void)state;
    assert_int_equal(ask_as(&what, 1, &ticket), ONCE_NEW);
    for (uint64_t client = 2; client <= ONCE_WAITING_MAX; client++)
        assert_int_equal(ask_as(&what, client, &none), ONCE_WAITS);
    assert_int_equal(ask_as(&what, 9, &none), ONCE_CROWDED);
    struct once_answer all = answer(ticket, "{}");
    assert_int_equal(all.count, ONCE_WAITING_MAX);
    for (size_t i = 0; i < all.count; i++) {
        assert_int_equal(all.tickets[i].client, i + 1);
        assert_int_equal(all.tickets[i].id, (i + 1) * 10);
    }
}

static void something_else_under_a_number_is_refused(void **state)
{
    struct control_ticket ticket;
    struct control_ticket none;
    (void)state;
    for (int answered = 0; answered < 2; answered++) {
        struct once_asked what = asked(number_of(1));
        if (answered)
            (void)answer(ticket, "{}");
        else
            assert_int_equal(ask_as(&what, 1, &ticket), ONCE_NEW);
        what.act = "history";
        assert_int_equal(ask_as(&what, 1, &none), ONCE_OTHER);
        what = asked(number_of(1));
        what.second = "li";
        assert_int_equal(ask_as(&what, 1, &none), ONCE_OTHER);
        what = asked(number_of(1));
        json_t *more = json_pack("{s:s,s:i}", "plate", "鲁H12346", "lane", 1);
        what.args = more;
        assert_int_equal(ask_as(&what, 1, &none), ONCE_OTHER);
        json_decref(more);
        more = json_pack("{s:i,s:s}", "lane", 1, "plate", "鲁H12345"); /* the same, turned round */
        what.args = more;
        assert_int_equal(ask_as(&what, 1, &none), answered ? ONCE_KNOWN : ONCE_WAITS);
        json_decref(more);
    }
}

static void numbers_are_their_owners(void **state)
{
    struct once_asked what = asked(number_of(1));
    struct control_ticket ticket;
    (void)state;
    assert_int_equal(ask_as(&what, 1, &ticket), ONCE_NEW);
    (void)answer(ticket, "{}");
    what.session = 8; /* the next at the same token's place */
    assert_int_equal(ask_as(&what, 1, &ticket), ONCE_NEW);
    what = asked(number_of(1));
    what.uid = 101;
    assert_int_equal(ask_as(&what, 1, &ticket), ONCE_NEW);
    what = asked(number_of(1));
    what.owner = ONCE_OWNERS - 1;
    assert_int_equal(ask_as(&what, 1, &ticket), ONCE_NEW);
    what = asked(number_of(1));
    assert_int_equal(ask_as(&what, 1, &ticket), ONCE_KNOWN);
}

static void a_number_is_forgotten_after_a_time(void **state)
{
    struct control_ticket first;
    struct control_ticket ticket;
    (void)state;
    assert_int_equal(ask(number_of(1), &first), ONCE_NEW); /* never answered */
    assert_int_equal(ask(number_of(2), &ticket), ONCE_NEW);
    now = mono_add_ms(now, ONCE_KEEP_MS - 1);
    (void)answer(ticket, "{}");
    assert_int_equal(ask(number_of(1), &ticket), ONCE_WAITS);
    now = mono_add_ms(now, 1);
    assert_int_equal(ask(number_of(2), &ticket), ONCE_KNOWN); /* counts from its answer */
    assert_int_equal(ask(number_of(1), &ticket), ONCE_NEW);
    assert_int_equal(answer(first, "{}").count, 0); /* who waited has given up */
    now = mono_add_ms(now, ONCE_KEEP_MS);
    assert_int_equal(ask(number_of(2), &ticket), ONCE_NEW);
}

static void the_oldest_gives_way_within_its_owner(void **state)
{
    struct once_asked other = asked(number_of(0));
    struct control_ticket tickets[ONCE_OF_ONE_MAX];
    struct control_ticket none;
    (void)state;
    other.owner = 1;
    assert_int_equal(ask_as(&other, 1, &none), ONCE_NEW);
    (void)answer(none, "{}");
    for (int i = 0; i < ONCE_OF_ONE_MAX; i++)
        assert_int_equal(ask(number_of(i), &tickets[i]), ONCE_NEW);
    assert_int_equal(ask(number_of(99), &none), ONCE_FULL); /* what runs is not forgotten */
    for (int i = 0; i < ONCE_OF_ONE_MAX; i++) {
        now = mono_add_ms(now, 1);
        (void)answer(tickets[(i + 5) % ONCE_OF_ONE_MAX], "{}");
    }
    assert_int_equal(ask(number_of(99), &none), ONCE_NEW);
    assert_int_equal(ask(number_of(6), &none), ONCE_KNOWN);
    other.number = number_of(0);
    assert_int_equal(ask_as(&other, 1, &none), ONCE_KNOWN);
    assert_int_equal(ask(number_of(5), &none), ONCE_NEW);
}

static void without_room_an_answer_goes_and_the_number_stays(void **state)
{
    struct control_ticket ticket;
    char *large = malloc(ONCE_OF_ONE_MAX_BYTES + 2);
    (void)state;
    assert_non_null(large);
    memset(large, 'x', ONCE_OF_ONE_MAX_BYTES + 1);
    large[ONCE_OF_ONE_MAX_BYTES + 1] = '\0';
    assert_int_equal(ask(number_of(1), &ticket), ONCE_NEW);
    assert_int_equal(answer(ticket, large).count, 1);
    assert_int_equal(ask(number_of(1), &ticket), ONCE_GONE);
    assert_int_equal(ask(number_of(2), &ticket), ONCE_NEW);
    assert_int_equal(answer(ticket, NULL).count, 1); /* no memory for its text */
    assert_int_equal(ask(number_of(2), &ticket), ONCE_GONE);
    large[ONCE_OF_ONE_MAX_BYTES / 2] = '\0';
    for (int i = 3; i < 6; i++) {
        now = mono_add_ms(now, 1);
        assert_int_equal(ask(number_of(i), &ticket), ONCE_NEW);
        assert_int_equal(answer(ticket, large).count, 1);
    }
    assert_int_equal(ask(number_of(3), &ticket), ONCE_GONE);
    assert_int_equal(ask(number_of(4), &ticket), ONCE_KNOWN);
    assert_int_equal(ask(number_of(5), &ticket), ONCE_KNOWN);
    free(large);
}

/* A place swept is free: 32 more fit without the oldest giving way. */
static void what_is_old_is_swept(void **state)
{
    struct control_ticket ticket;
    (void)state;
    assert_int_equal(ask(number_of(0), &ticket), ONCE_NEW);
    struct control_ticket stale = ticket;
    now = mono_add_ms(now, ONCE_KEEP_MS);
    for (int i = 0; i < ONCE_OWNERS; i++)
        once_tick(once, now);
    assert_int_equal(answer(stale, "{}").count, 0);
    for (int i = 1; i <= ONCE_OF_ONE_MAX; i++)
        assert_int_equal(ask(number_of(i), &ticket), ONCE_NEW);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_number_has_a_form, setup, teardown),
        cmocka_unit_test_setup_teardown(the_same_again_gets_the_same_answer, setup, teardown),
        cmocka_unit_test_setup_teardown(who_asks_while_it_runs_waits_for_it, setup, teardown),
        cmocka_unit_test_setup_teardown(something_else_under_a_number_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(numbers_are_their_owners, setup, teardown),
        cmocka_unit_test_setup_teardown(a_number_is_forgotten_after_a_time, setup, teardown),
        cmocka_unit_test_setup_teardown(the_oldest_gives_way_within_its_owner, setup, teardown),
        cmocka_unit_test_setup_teardown(without_room_an_answer_goes_and_the_number_stays, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_is_old_is_swept, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
