/* A file of two places: the newest whole content is found, whatever became of the other one. */
#include <fcntl.h>
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

#include "gateway/base/slot_file.h"

enum { SIZE = 5000, ROOM = 8192 };

static char path[64];

static int setup(void **state)
{
    (void)state;
    snprintf(path, sizeof(path), "/tmp/slots.XXXXXX");
    int fd = mkstemp(path);
    if (fd < 0)
        return -1;
    close(fd);
    return unlink(path);
}

static int teardown(void **state)
{
    (void)state;
    return unlink(path);
}

static void put(struct slot_file *file, int letter)
{
    uint8_t content[SIZE];
    memset(content, letter, sizeof(content));
    assert_int_equal(slot_file_write(file, content, 0, NULL), 0);
}

static void open_empty(struct slot_file *file)
{
    uint8_t content[SIZE];
    slot_file_init(file, path, SIZE);
    assert_int_equal(slot_file_open(file, content, NULL), ERR_NOT_FOUND);
}

/* What the next start finds: a letter, 0 for nothing. */
static int found(void)
{
    struct slot_file file;
    uint8_t content[SIZE] = {0};
    slot_file_init(&file, path, SIZE);
    int rc = slot_file_open(&file, content, NULL);
    slot_file_close(&file);
    assert_true(rc == 0 || rc == ERR_NOT_FOUND);
    assert_true(rc != 0 || content[0] == content[SIZE - 1]);
    return rc == 0 ? content[0] : 0;
}

/* Half of a place is of something else, as a power cut tears it. */
static void tear(int place)
{
    static const uint8_t junk[512] = {1};
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_int_equal(pwrite(fd, junk, sizeof(junk), (off_t)(place * ROOM + 1024)), sizeof(junk));
    close(fd);
}

static void test_the_newest_is_found(void **state)
{
    (void)state;
    struct slot_file file;
    struct stat is;
    open_empty(&file);
    assert_int_equal(found(), 0);
    put(&file, 'a');
    assert_int_equal(found(), 'a');
    put(&file, 'b'); /* over a: nothing was synced */
    assert_int_equal(found(), 'b');
    assert_int_equal(slot_file_sync(&file, NULL), 0);
    put(&file, 'c');
    assert_int_equal(found(), 'c');
    slot_file_close(&file);
    assert_int_equal(stat(path, &is), 0);
    assert_int_equal(is.st_size, 2 * ROOM);
    assert_int_equal(is.st_mode & 0777, 0600);
}

static void test_what_was_synced_stands_when_what_came_after_is_torn(void **state)
{
    (void)state;
    struct slot_file file;
    uint8_t content[SIZE];
    open_empty(&file);
    put(&file, 'a');
    assert_int_equal(slot_file_sync(&file, NULL), 0);
    for (int letter = 'b'; letter <= 'm'; letter++) {
        int before = 1 - (int)file.place;
        put(&file, letter);
        tear((int)file.place);
        assert_int_equal(found(), letter - 1);
        slot_file_close(
            &file); /* a start on the torn one: it writes over that, never over the whole one */
        slot_file_init(&file, path, SIZE);
        assert_int_equal(slot_file_open(&file, content, NULL), 0);
        assert_int_equal(1 - (int)file.place, before);
        put(&file, letter);
        assert_int_equal(slot_file_sync(&file, NULL), 0);
        assert_int_equal(found(), letter);
    }
    tear(0);
    tear(1);
    assert_int_equal(found(), 0);
    slot_file_close(&file);
}

static void test_the_count_tells_a_time_and_never_falls(void **state)
{
    (void)state;
    struct slot_file file;
    uint8_t content[SIZE] = {0};
    open_empty(&file);
    assert_int_equal(slot_file_write(&file, content, 1000, NULL), 0);
    assert_int_equal(file.count, 1000);
    assert_int_equal(slot_file_write(&file, content, 900, NULL), 0);
    assert_int_equal(file.count, 1001);
    slot_file_close(&file);
    assert_int_equal(slot_file_open(&file, content, NULL), 0);
    assert_int_equal(file.count, 1001);
    slot_file_close(&file);
}

static void test_what_cannot_be_opened_says_why(void **state)
{
    (void)state;
    struct slot_file file;
    struct err_text err;
    uint8_t content[SIZE];
    slot_file_init(&file, "/nowhere/pending", SIZE);
    assert_int_equal(slot_file_open(&file, content, &err), ERR_IO);
    assert_string_equal(err.text, "/nowhere/pending: No such file or directory");
    slot_file_close(&file);
    slot_file_init(&file, path, SLOT_FILE_CONTENT_MAX + 1);
    assert_int_equal(slot_file_open(&file, content, &err), ERR_TOO_LARGE);
    open_empty(&file); /* for the teardown */
    slot_file_close(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_newest_is_found, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_was_synced_stands_when_what_came_after_is_torn,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_count_tells_a_time_and_never_falls, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_what_cannot_be_opened_says_why, setup, teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
