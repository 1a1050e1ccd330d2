/*
 * Passphrases from a descriptor: a line each, nothing read beyond it, refusals with their text. The
 * terminal is tested with a real one in tests/system/test_hqctl.py.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/hqctl/passphrase.h"

static struct passphrase_source source;
static struct err_text err;
static char out[PASSPHRASE_SIZE];

static void give(const char *text)
{
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(write(ends[1], text, strlen(text)), strlen(text));
    close(ends[1]);
    source.fd = ends[0];
}

static void expect_refused(const char *given, bool is_new, int rc, const char *message)
{
    give(given);
    assert_int_equal((is_new ? passphrase_read_new : passphrase_read)(&source, "key", out, &err),
                     rc);
    assert_string_equal(err.text, message);
    assert_string_equal(out, "");
    close(source.fd);
}

static void a_line_each_and_nothing_beyond(void **state)
{
    (void)state;
    char left[16] = "";
    give("one\ntwo words 二\nrest");
    assert_int_equal(passphrase_read(&source, "key", out, &err), 0);
    assert_string_equal(out, "one");
    assert_int_equal(passphrase_read_new(&source, "key", out, &err), 0);
    assert_string_equal(out, "two words 二");
    assert_int_equal(read(source.fd, left, sizeof(left)), 4);
    assert_string_equal(left, "rest");
    close(source.fd);
    give("no line end");
    assert_int_equal(passphrase_read(&source, "key", out, &err), 0);
    assert_string_equal(out, "no line end");
    close(source.fd);
}

static void refusals(void **state)
{
    (void)state;
    char much[PASSPHRASE_SIZE + 1];
    memset(much, 'x', sizeof(much) - 1);
    much[sizeof(much) - 1] = '\0';
    expect_refused("", false, ERR_NOT_FOUND, "passphrase of the key: no line left to read");
    expect_refused("\n", false, ERR_INVALID, "passphrase of the key: empty");
    expect_refused("a\tb\n", false, ERR_INVALID, "passphrase of the key: control character");
    expect_refused("a\r\n", false, ERR_INVALID, "passphrase of the key: control character");
    expect_refused(much, false, ERR_INVALID, "passphrase of the key: above 1024 bytes");
    expect_refused("elevenchars\n", true, ERR_INVALID,
                   "passphrase of the key: 11 bytes, expected at least 12");
    source.fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(passphrase_read(&source, "key", out, &err), ERR_IO);
    assert_string_equal(err.text, "passphrase of the key: Is a directory");
    close(source.fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_each_and_nothing_beyond),
        cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
