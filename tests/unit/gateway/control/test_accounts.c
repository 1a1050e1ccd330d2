/* Officers' accounts: numbers, names, PINs that are too easy, hashes of before. */
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

#include "gateway/control/accounts.h"

static char path[] = "/tmp/accounts.XXXXXX";

static int setup(void **state)
{
    struct accounts *accounts = NULL;
    int fd = mkstemp(path);
    if (fd < 0)
        return -1;
    close(fd);
    unlink(path);
    if (accounts_open(path, &accounts, NULL) != 0)
        return -1;
    *state = accounts;
    return 0;
}

static int teardown(void **state)
{
    accounts_close(*state);
    unlink(path);
    memcpy(path + strlen(path) - 6, "XXXXXX", 6);
    return 0;
}

static void an_officer_has_a_number_a_name_and_a_pin(void **state)
{
    struct accounts *accounts = *state;
    struct accounts *again = NULL;
    enum officer_role role;
    assert_int_equal(
        accounts_add(accounts, "037112", "张伟", OFFICER_ROLE_AUXILIARY, "402915", NULL), 0);
    assert_int_equal(accounts_check(accounts, "037112", "402915", &role), 0);
    assert_int_equal(role, OFFICER_ROLE_AUXILIARY);
    assert_int_equal(accounts_check(accounts, "037112", "402916", &role), ERR_DENIED);
    assert_int_equal(accounts_open(path, &again, NULL), 0);
    assert_string_equal(accounts_find(again, "037112")->title, "张伟");
    accounts_close(again);
}

static void refused(struct accounts *accounts, const char *name, const char *password,
                    const char *why)
{
    struct err_text err;
    assert_int_equal(accounts_add(accounts, name, "", OFFICER_ROLE_OFFICER, password, &err),
                     ERR_INVALID);
    if (!strstr(err.text, why))
        fail_msg("'%s' with '%s': '%s' lacks '%s'", name, password, err.text, why);
}

static void pins_that_are_easily_guessed_are_refused(void **state)
{
    static const char *const easy[] = {"000000", "999999999", "123456", "654321",   "890123",
                                       "121212", "123123",    "210987", "12345678", "343434"};
    struct accounts *accounts = *state;
    for (size_t i = 0; i < sizeof easy / sizeof easy[0]; i++)
        refused(accounts, "037112", easy[i], "PIN: easily guessed");
    refused(accounts, "037112", "037112", "PIN: easily guessed: the officer's number");
    refused(accounts, "037112", "9037112", "PIN: easily guessed: the officer's number");
    refused(accounts, "01037112", "037112", "PIN: easily guessed: the officer's number");
    refused(accounts, "037112", "40291", "PIN: 5 digits, expected 6 to 12");
    refused(accounts, "037112", "4029150385721", "PIN: 13 digits, expected 6 to 12");
    refused(accounts, "037112", "short 1", "password: 7 bytes, expected 8 to 128, or a PIN");
    refused(accounts, "wangxiaoming", "wangxiaoming", "password: easily guessed");
    assert_int_equal(accounts_add(accounts, "037112", "", OFFICER_ROLE_OFFICER, "402915", NULL), 0);
    assert_int_equal(accounts_set_password(accounts, "037112", "111111", NULL), ERR_INVALID);
}

static void names_are_texts_of_a_line(void **state)
{
    struct accounts *accounts = *state;
    struct err_text err;
    refused(accounts, ".li", "402915", "a letter or digit first");
    refused(accounts, "Li", "402915", "a letter or digit first");
    assert_int_equal(accounts_add(accounts, "li", "a\nb", OFFICER_ROLE_OFFICER, "402915", &err),
                     ERR_INVALID);
    assert_non_null(strstr(err.text, "without control characters"));
    assert_int_equal(accounts_add(accounts, "li", "一二三四五六七八九十甲", OFFICER_ROLE_OFFICER,
                                  "402915", &err),
                     ERR_INVALID);
}

/* A file of before names and PINs: cost 5, no title. */
static void hashes_of_before_are_verified_still(void **state)
{
    struct accounts *again = NULL;
    enum officer_role role;
    (void)state;
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs("{\"officers\":[{\"name\":\"wang\",\"role\":\"leader\",\"disabled\":false,"
                      "\"hash\":\"$y$j9T$YVIYDcS59kd9rl5.8.uV81$ymbX4BjfRC6RVcqS8Kh9pfKeLfpNok/"
                      "OkXXKWYLY2U1\"}]}",
                      file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(accounts_open(path, &again, NULL), 0);
    assert_int_equal(accounts_check(again, "wang", "long enough", &role), 0);
    assert_string_equal(accounts_find(again, "wang")->title, "");
    accounts_close(again);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(an_officer_has_a_number_a_name_and_a_pin),
        CASE(pins_that_are_easily_guessed_are_refused),
        CASE(names_are_texts_of_a_line),
        CASE(hashes_of_before_are_verified_still),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
