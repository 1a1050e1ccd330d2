/*
 * Alarms of several channels: told once when the first has the fault, once when the last is rid of
 * it; and what is shown of the link.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "gateway/uplink/alarms.h"

static char told[512];

static void report(void *ctx, enum log_event_id event, bool active, const char *detail)
{
    (void)ctx;
    size_t used = strlen(told);
    (void)snprintf(told + used, sizeof(told) - used, "%d%c%s;", event, active ? '+' : '-',
                   detail); /* short texts */
}

static struct uplink_alarms alarms;

static int begin(void **state)
{
    (void)state;
    told[0] = '\0';
    uplink_alarms_init(&alarms, report, NULL);
    return 0;
}

static int end(void **state)
{
    (void)state;
    uplink_alarms_fini(&alarms);
    return 0;
}

static void a_fault_of_two_channels_is_told_once(void **state)
{
    (void)state;
    uplink_link_state(&alarms, 0, EVENT_UPLINK_DOWN, "a");
    uplink_link_state(&alarms, 1, EVENT_UPLINK_DOWN, "b");
    uplink_link_state(&alarms, 1, EVENT_UPLINK_DOWN, "c");
    uplink_link_state(&alarms, 0, 0, "");
    assert_string_equal(told, "700+a;");
    uplink_link_state(&alarms, 1, 0, "");
    assert_string_equal(told, "700+a;700-;");
}

static void a_channel_has_one_fault_at_a_time(void **state)
{
    (void)state;
    uplink_link_state(&alarms, 0, EVENT_UPLINK_DOWN, "a");
    uplink_link_state(&alarms, 0, EVENT_UPLINK_SERVER_REFUSED, "b");
    assert_string_equal(told, "700+a;700-b;701+b;");
}

static void connected_is_when_no_channel_fails(void **state)
{
    (void)state;
    char detail[UPLINK_DETAIL_SIZE];
    assert_false(uplink_connected(&alarms, detail));
    assert_string_equal(detail, "not tried yet");
    uplink_link_state(&alarms, 0, 0, "");
    assert_true(uplink_connected(&alarms, detail));
    assert_string_equal(detail, "");
    unsigned changes = atomic_load(&alarms.changes);
    uplink_link_state(&alarms, 0, 0, "");
    assert_int_equal(atomic_load(&alarms.changes), changes);
    uplink_link_state(&alarms, 1, EVENT_UPLINK_REFUSED, "revoked");
    assert_int_not_equal(atomic_load(&alarms.changes), changes);
    assert_false(uplink_connected(&alarms, detail));
    assert_string_equal(detail, "revoked");
}

static void an_arrival_counts_once(void **state)
{
    (void)state;
    uplink_link_state(&alarms, 0, 0, "");
    uplink_link_state(&alarms, 0, 0, "");
    assert_int_equal(atomic_load(&alarms.arrivals), 1);
    uplink_link_state(&alarms, 0, EVENT_UPLINK_DOWN, "x");
    uplink_link_state(&alarms, 0, 0, "");
    assert_int_equal(atomic_load(&alarms.arrivals), 2);
}

static void other_alarms_stand_by_channel(void **state)
{
    (void)state;
    uplink_alarm_set(&alarms, 2, EVENT_UPLINK_QUARANTINE, true, "new chain");
    uplink_alarm_set(&alarms, 2, EVENT_UPLINK_QUARANTINE, true, "new chain");
    uplink_alarm_set(&alarms, 1, EVENT_UPLINK_QUARANTINE, false, "");
    uplink_alarm_set(&alarms, 2, EVENT_UPLINK_QUARANTINE, false, "");
    assert_string_equal(told, "705+new chain;705-;");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_fault_of_two_channels_is_told_once, begin, end),
        cmocka_unit_test_setup_teardown(a_channel_has_one_fault_at_a_time, begin, end),
        cmocka_unit_test_setup_teardown(connected_is_when_no_channel_fails, begin, end),
        cmocka_unit_test_setup_teardown(an_arrival_counts_once, begin, end),
        cmocka_unit_test_setup_teardown(other_alarms_stand_by_channel, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
