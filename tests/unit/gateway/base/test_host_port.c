/* Listen addresses: both families, and what is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/base/host_port.h"

static void addresses_of_both_families(void **state)
{
    (void)state;
    char host[HOST_TEXT_SIZE];
    uint16_t port = 1;
    assert_int_equal(host_port_split("127.0.0.1:8442", host, &port, NULL), 0);
    assert_string_equal(host, "127.0.0.1");
    assert_int_equal(port, 8442);
    assert_int_equal(host_port_split("[::1]:0", host, &port, NULL), 0);
    assert_string_equal(host, "::1");
    assert_int_equal(port, 0);
}

static void what_is_no_address_is_quoted(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",         "localhost", "127.0.0.1",       "127.0.0.1:", "127.0.0.1:65536",
        "[::1]:-1", ":8442",     "hq.example:8442", "[::1:8442",  "127.0.0.1:8442x"};
    char host[HOST_TEXT_SIZE] = "kept";
    uint16_t port = 7;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct err_text err = {""};
        assert_int_equal(host_port_split(wrong[i], host, &port, &err), ERR_INVALID);
        assert_true(err.text[0] == '\'' && strstr(err.text, wrong[i]) &&
                    strstr(err.text, "expected"));
    }
    assert_string_equal(host, "kept");
    assert_int_equal(port, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_of_both_families),
        cmocka_unit_test(what_is_no_address_is_quoted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
