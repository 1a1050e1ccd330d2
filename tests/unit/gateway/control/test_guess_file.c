/* Counts of wrong passwords in their file: over a restart of the program exact, over one of the
 * machine waits begin anew; names without an account, damage, a place that cannot be written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/base/file.h"
#include "gateway/control/guess_file.h"

enum { MINUTE_MS = 60 * 1000, LOCK_MS = GUESS_LOCK_S * 1000 };

static struct guesses before;
static struct guesses after;
static struct mono_time now;
static char path[64];

static int setup(void **state)
{
    (void)state;
    memset(&before, 0, sizeof before);
    memset(&after, 0, sizeof after);
    now.ns = 1000000000000;
    snprintf(path, sizeof path, "/tmp/guesses.XXXXXX");
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd) || unlink(path);
}

static int teardown(void **state)
{
    (void)state;
    unlink(path);
    return 0;
}

static void wrong(const char *name, bool known, bool pin, int times)
{
    struct guess_wait wait;
    for (int i = 0; i < times; i++)
        guesses_wrong(&before, &(struct guess){name, known, "tablet:a", pin}, now, &wait);
}

static struct guess_wait look(const char *name, bool pin)
{
    struct guess_wait wait;
    guesses_look(&after, &(struct guess){name, true, "tablet:a", pin}, now, &wait);
    return wait;
}

static void save(void)
{
    struct err_text err = {{0}};
    if (guess_file_save(path, &before, now, &err) != 0)
        fail_msg("%s", err.text);
}

static int load(struct err_text *err)
{
    memset(&after, 0, sizeof after);
    return guess_file_load(path, &after, now, err);
}

/* Replaces the first `what` in the file; `what` is as long as `with`. */
static void edit(const char *what, const char *with)
{
    uint8_t *data = NULL;
    size_t size = 0;
    assert_int_equal(file_read(path, 1 << 20, &data, &size, NULL), 0);
    char *at = memmem(data, size, what, strlen(what));
    assert_non_null(at);
    memcpy(at, with, strlen(with));
    assert_int_equal(file_write_atomic(path, data, size, 0600, NULL), 0);
    free(data);
}

static void edit_boot(void)
{
    uint8_t *data = NULL;
    size_t size = 0;
    assert_int_equal(file_read(path, 1 << 20, &data, &size, NULL), 0);
    char *digit = (char *)memmem(data, size, "\"boot\":\"", 8) + 8;
    *digit = *digit == '0' ? '1' : '0';
    assert_int_equal(file_write_atomic(path, data, size, 0600, NULL), 0);
    free(data);
}

static void a_lock_goes_on_and_ends_in_its_time(void **state)
{
    (void)state;
    wrong("wang", true, false, GUESSES_AT_PLACE_MAX);
    save();
    now = mono_add_ms(now, 5 * MINUTE_MS);
    assert_int_equal(load(NULL), 0);
    struct guess_wait wait = look("wang", false);
    assert_true(wait.locked);
    assert_int_equal(wait.wait_ms, LOCK_MS - 5 * MINUTE_MS);
    assert_int_equal(look("li", false).wait_ms, 0);
    now = mono_add_ms(now, 10 * MINUTE_MS);
    assert_int_equal(look("wang", false).wait_ms, 0);
    guesses_wrong(&after, &(struct guess){"wang", true, "tablet:a", false}, now, &wait);
    guesses_wrong(&after, &(struct guess){"wang", true, "tablet:a", false}, now, &wait);
    guesses_wrong(&after, &(struct guess){"wang", true, "tablet:a", false}, now, &wait);
    assert_true(wait.locked); /* three behind a lock, as without a restart */
}

static void after_another_start_of_the_machine_a_lock_begins_anew(void **state)
{
    (void)state;
    wrong("wang", true, false, GUESSES_AT_PLACE_MAX);
    wrong("li", true, true, GUESSES_FREE);
    now = mono_add_ms(now, 5 * MINUTE_MS);
    save();
    edit_boot();
    now.ns = 20 * 1000000000ll; /* its clock begins anew, too */
    assert_int_equal(load(NULL), 0);
    struct guess_wait wait = look("wang", false);
    assert_true(wait.locked);
    assert_int_equal(wait.wait_ms, LOCK_MS - 5 * MINUTE_MS);
    guesses_wrong(&after, &(struct guess){"li", true, "tablet:a", true}, now, &wait);
    assert_int_equal(look("li", true).wait_ms, 2000); /* the fourth */
    now = mono_add_ms(now, LOCK_MS);
    assert_int_equal(look("wang", false).wait_ms, 0);
}

/* A row nobody asked about for months is still in the table. */
static void what_is_long_over_is_forgotten_and_damages_nothing(void **state)
{
    (void)state;
    wrong("wang", true, false, GUESSES_AT_PLACE_MAX);
    now = mono_add_ms(now, 100ll * 24 * 60 * MINUTE_MS);
    wrong("li", true, false, GUESSES_FREE);
    save();
    assert_int_equal(load(NULL), 0);
    assert_int_equal(look("wang", false).wait_ms, 0);
    assert_int_equal(look("li", false).wait_ms, 1000);
}

static void names_without_an_account_are_not_kept(void **state)
{
    uint8_t *data = NULL;
    size_t size = 0;
    (void)state;
    wrong("hunter2", false, false, 3);
    wrong("wang", true, false, 3);
    save();
    assert_int_equal(file_read(path, 1 << 20, &data, &size, NULL), 0);
    assert_null(memmem(data, size, "hunter2", 7));
    assert_non_null(memmem(data, size, "wang", 4));
    free(data);
    assert_int_equal(load(NULL), 0);
    int places = 0;
    for (int i = 0; i < GUESS_ROWS; i++)
        places +=
            after.rows[i].used && after.rows[i].scope == GUESS_OF_PLACE ? after.rows[i].wrong : 0;
    assert_int_equal(places, 6); /* the tablet's own count has them */
}

static void what_was_changed_counts_for_nothing(void **state)
{
    struct err_text err = {{0}};
    (void)state;
    assert_int_equal(load(&err), 0); /* there is none */
    wrong("wang", true, false, 3);
    save();
    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(load(&err), ERR_DENIED);
    assert_int_equal(chmod(path, 0600), 0);
    edit("\"wrong\":3", "\"wrong\":0");
    assert_int_equal(load(&err), ERR_CORRUPT);
    assert_non_null(strstr(err.text, path));
    assert_int_equal(look("wang", false).wait_ms, 0);
}

static void a_place_that_cannot_be_written_is_named(void **state)
{
    struct err_text err = {{0}};
    (void)state;
    assert_int_not_equal(guess_file_save("/nowhere/guesses.json", &before, now, &err), 0);
    assert_non_null(strstr(err.text, "/nowhere/guesses.json"));
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(a_lock_goes_on_and_ends_in_its_time),
        CASE(after_another_start_of_the_machine_a_lock_begins_anew),
        CASE(what_is_long_over_is_forgotten_and_damages_nothing),
        CASE(names_without_an_account_are_not_kept),
        CASE(what_was_changed_counts_for_nothing),
        CASE(a_place_that_cannot_be_written_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
