/*
 * Trusted time against a fake clock: floors, jumps both ways, restarts, headquarters' time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "gateway/base/err.h"
#include "gateway/base/trusted_time.h"

enum { MINUTE_MS = 60 * 1000, DAY_MS = 24 * 60 * MINUTE_MS, NS_PER_MS = 1000000 };

static const int64_t build_ms = 1764000000000;
static const int64_t today_ms = 1764000000000 + 30LL * DAY_MS;

struct fake {
    int64_t mono_ms;
    int64_t wall_ms;
};

static struct mono_time fake_mono(void *ctx)
{
    const struct fake *f = ctx;
    return (struct mono_time){.ns = f->mono_ms * NS_PER_MS};
}

static struct wall_time fake_wall(void *ctx)
{
    const struct fake *f = ctx;
    return (struct wall_time){.ms = f->wall_ms};
}

static struct clock_source clock_of(struct fake *f)
{
    return (struct clock_source){fake_mono, fake_wall, f};
}

static void pass(struct fake *f, int64_t ms)
{
    f->mono_ms += ms;
    f->wall_ms += ms;
}

static struct trusted_reading reading(struct trusted_time *t, struct fake *f)
{
    struct clock_source clock = clock_of(f);
    struct trusted_reading r;
    trusted_time_read(t, &clock, &r);
    return r;
}

static struct trusted_time started(struct fake *f)
{
    struct clock_source clock = clock_of(f);
    struct trusted_time t;
    trusted_time_init(&t, (struct wall_time){build_ms}, &clock);
    return t;
}

static void a_fresh_box_follows_its_clock(void **state)
{
    (void)state;
    struct fake f = {1000, today_ms};
    struct trusted_time t = started(&f);
    struct trusted_reading r = reading(&t, &f);
    assert_true(r.trusted);
    assert_int_equal(r.wall.ms, today_ms);
    assert_string_equal(time_source_name(r.source), "free_running");
    pass(&f, 3 * MINUTE_MS);
    assert_int_equal(reading(&t, &f).wall.ms, today_ms + 3 * MINUTE_MS);
}

static void a_clock_believed_unvouched_gives_way_to_headquarters(void **state)
{
    (void)state;
    struct fake f = {1000, today_ms + 400LL * DAY_MS};
    struct trusted_time t = started(&f);
    struct clock_source clock = clock_of(&f);
    assert_true(reading(&t, &f).trusted); /* nothing contradicts it yet */
    trusted_time_signed(&t, (struct wall_time){today_ms}, &clock);
    struct trusted_reading r = reading(&t, &f);
    assert_false(r.trusted);
    assert_int_equal(r.wall.ms, today_ms);
    assert_int_equal(r.doubt, TIME_JUMPED_FORWARD);
    trusted_time_signed(&t, (struct wall_time){today_ms - DAY_MS}, &clock); /* an older one */
    assert_int_equal(reading(&t, &f).wall.ms, today_ms);
    f.wall_ms = today_ms + MINUTE_MS; /* somebody set it right */
    r = reading(&t, &f);
    assert_true(r.trusted);
    assert_int_equal(r.wall.ms, today_ms + MINUTE_MS);
}

static void a_clock_that_agreed_with_headquarters_is_vouched_for(void **state)
{
    (void)state;
    struct fake f = {1000, today_ms};
    struct trusted_time t = started(&f);
    struct clock_source clock = clock_of(&f);
    (void)reading(&t, &f);
    trusted_time_signed(&t, (struct wall_time){today_ms - MINUTE_MS}, &clock);
    trusted_time_signed(&t, (struct wall_time){today_ms - 9 * DAY_MS}, &clock); /* late in coming */
    struct trusted_reading r = reading(&t, &f);
    assert_true(r.trusted);
    assert_int_equal(r.wall.ms, today_ms);
}

static void a_clock_at_1970_gives_build_time_untrusted(void **state)
{
    (void)state;
    struct fake f = {1000, 0};
    struct trusted_time t = started(&f);
    pass(&f, 5000);
    struct trusted_reading r = reading(&t, &f);
    assert_false(r.trusted);
    assert_int_equal(r.doubt, TIME_BEHIND_FLOOR);
    assert_int_equal(r.source, TIME_BUILD);
    assert_int_equal(r.wall.ms, build_ms + 5000);
    assert_int_equal(r.offset_ms, 5000 - (build_ms + 5000));
}

static void the_clock_set_back_never_takes_time_back(void **state)
{
    (void)state;
    struct fake f = {1000, today_ms};
    struct trusted_time t = started(&f);
    (void)reading(&t, &f);
    f.wall_ms -= 400LL * DAY_MS;
    pass(&f, 1000);
    struct trusted_reading r = reading(&t, &f);
    assert_false(r.trusted);
    assert_int_equal(r.wall.ms, today_ms + 1000);
    f.wall_ms = today_ms + 1000 - 2000; /* a step of NTP backwards: stands still, stays trusted */
    r = reading(&t, &f);
    assert_true(r.trusted);
    assert_int_equal(r.wall.ms, today_ms + 1000);
    assert_int_equal(r.offset_ms, -2000);
}

static void a_forward_jump_is_untrusted_without_a_source(void **state)
{
    (void)state;
    struct fake f = {1000, today_ms};
    struct trusted_time t = started(&f);
    (void)reading(&t, &f);
    f.wall_ms += TIME_JUMP_MAX_MS; /* exactly 5 minutes is believed */
    assert_true(reading(&t, &f).trusted);
    f.wall_ms += TIME_JUMP_MAX_MS + 1;
    struct trusted_reading r = reading(&t, &f);
    assert_false(r.trusted);
    assert_string_equal(time_doubt_name(r.doubt), "jumped_forward");
    assert_int_equal(r.wall.ms, today_ms + TIME_JUMP_MAX_MS);
    assert_int_equal(r.offset_ms, TIME_JUMP_MAX_MS + 1);
    /* it stays untrusted however long it lasts, */
    pass(&f, 10LL * DAY_MS);
    assert_false(reading(&t, &f).trusted);
    /* and a source that vouches for it ends that */
    trusted_time_synchronised(&t, true, 3);
    r = reading(&t, &f);
    assert_true(r.trusted);
    assert_int_equal(r.source, TIME_SYNCHRONISED);
    assert_int_equal(r.sync_offset_ms, 3);
    assert_int_equal(r.wall.ms, f.wall_ms);
}

static void the_first_reading_is_what_later_ones_are_judged_by(void **state)
{
    (void)state;
    struct fake f = {1000, today_ms};
    struct trusted_time t = started(&f);
    f.wall_ms += 400LL * DAY_MS; /* before the first reading there is nothing to jump from */
    assert_true(reading(&t, &f).trusted);
    f.wall_ms -= 400LL * DAY_MS;
    assert_false(reading(&t, &f).trusted);
}

static void the_journal_is_a_floor_and_a_reference(void **state)
{
    (void)state;
    struct fake f = {1000, today_ms + 400LL * DAY_MS};
    struct trusted_time t = started(&f);
    struct clock_source clock = clock_of(&f);
    trusted_time_journaled(&t, (struct wall_time){today_ms}, false, (struct mono_time){0}, &clock);
    struct trusted_reading r = reading(&t, &f);
    assert_false(r.trusted);
    assert_int_equal(r.source, TIME_JOURNAL);
    assert_int_equal(r.wall.ms, today_ms);
    assert_int_equal(trusted_time_confirm(&t, &clock), ERR_OK);
    r = reading(&t, &f);
    assert_true(r.trusted);
    assert_int_equal(r.source, TIME_CONFIRMED);
    f.wall_ms = today_ms;
    assert_int_equal(trusted_time_confirm(&t, &clock), ERR_INVALID);
}

static void a_restart_within_one_boot_is_no_jump(void **state)
{
    (void)state;
    struct fake f = {90 * MINUTE_MS, today_ms + 60 * MINUTE_MS};
    struct trusted_time t = started(&f);
    struct clock_source clock = clock_of(&f);
    trusted_time_journaled(&t, (struct wall_time){today_ms}, true,
                           (struct mono_time){30LL * MINUTE_MS * NS_PER_MS}, &clock);
    assert_true(reading(&t, &f).trusted);
}

static void headquarters_time_lifts_the_floor(void **state)
{
    (void)state;
    struct fake f = {1000, build_ms + DAY_MS}; /* dead battery: weeks behind */
    struct trusted_time t = started(&f);
    struct clock_source clock = clock_of(&f);
    assert_true(reading(&t, &f).trusted);
    trusted_time_signed(&t, (struct wall_time){today_ms}, &clock);
    struct trusted_reading r = reading(&t, &f);
    assert_false(r.trusted);
    assert_int_equal(r.source, TIME_HEADQUARTERS);
    assert_int_equal(r.wall.ms, today_ms);
    trusted_time_synchronised(&t, true, 0); /* a source cannot take it below what was signed */
    assert_false(reading(&t, &f).trusted);
    f.wall_ms = today_ms + 1000;
    assert_true(reading(&t, &f).trusted);
    trusted_time_signed(&t, (struct wall_time){build_ms}, &clock); /* a replayed old one */
    assert_int_equal(reading(&t, &f).wall.ms, today_ms + 1000);
}

static void headquarters_time_ends_the_doubt_after_a_long_power_cut(void **state)
{
    (void)state;
    struct fake f = {1000, today_ms + 3LL * DAY_MS};
    struct trusted_time t = started(&f);
    struct clock_source clock = clock_of(&f);
    trusted_time_journaled(&t, (struct wall_time){today_ms}, false, (struct mono_time){0}, &clock);
    assert_false(reading(&t, &f).trusted);
    trusted_time_signed(&t, (struct wall_time){today_ms + 3LL * DAY_MS - 2000}, &clock);
    assert_true(reading(&t, &f).trusted);
}

/* Whatever the clocks do, trusted time neither goes back nor runs > 5 min ahead of all it knows. */
static void random_clocks_never_take_time_back(void **state)
{
    (void)state;
    unsigned seed = 20261124;
    printf("seed %u\n", seed);
    srandom(seed);
    struct fake f = {1000, today_ms};
    struct trusted_time t = started(&f);
    int64_t last_ms = 0;
    for (int i = 0; i < 100000; i++) {
        long pick = random() % 10;
        pass(&f, random() % 2000);
        if (pick == 0) {
            f.wall_ms += (random() % 3 - 1) * (int64_t)(random() % (2 * DAY_MS));
        } else if (pick == 1) {
            trusted_time_synchronised(&t, random() % 2 == 0, 0);
        }
        struct trusted_reading r = reading(&t, &f);
        assert_true(r.wall.ms >= last_ms);
        assert_true(r.trusted == (r.doubt == TIME_NO_DOUBT));
        if (r.trusted) {
            int64_t off_ms = f.wall_ms - r.wall.ms;
            assert_true(off_ms <= 0 && off_ms >= -TIME_JUMP_MAX_MS);
        }
        last_ms = r.wall.ms;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fresh_box_follows_its_clock),
        cmocka_unit_test(a_clock_believed_unvouched_gives_way_to_headquarters),
        cmocka_unit_test(a_clock_that_agreed_with_headquarters_is_vouched_for),
        cmocka_unit_test(a_clock_at_1970_gives_build_time_untrusted),
        cmocka_unit_test(the_clock_set_back_never_takes_time_back),
        cmocka_unit_test(a_forward_jump_is_untrusted_without_a_source),
        cmocka_unit_test(the_first_reading_is_what_later_ones_are_judged_by),
        cmocka_unit_test(the_journal_is_a_floor_and_a_reference),
        cmocka_unit_test(a_restart_within_one_boot_is_no_jump),
        cmocka_unit_test(headquarters_time_lifts_the_floor),
        cmocka_unit_test(headquarters_time_ends_the_doubt_after_a_long_power_cut),
        cmocka_unit_test(random_clocks_never_take_time_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
