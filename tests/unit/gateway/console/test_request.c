/* Request heads judged: whose session, which host, whose page, from where a stream goes on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/console/request.h"

#define TOKEN "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static bool token_of(const char *cookie)
{
    char token[REQUEST_TOKEN_SIZE] = "kept";
    bool found = request_token(cookie, token);
    assert_string_equal(token, found ? TOKEN : "kept");
    return found;
}

static void a_token_is_taken_only_from_exactly_one_cookie(void **state)
{
    (void)state;
    static char long_cookie[REQUEST_COOKIE_MAX + 200];
    assert_true(token_of("__Host-token=" TOKEN));
    assert_true(token_of("a=b; __Host-token=" TOKEN " ;c=d"));
    assert_true(token_of("  \t__Host-token=" TOKEN ";"));
    assert_false(token_of(NULL));
    assert_false(token_of(""));
    assert_false(token_of(";;;"));
    assert_false(token_of("__Host-token"));
    assert_false(token_of("__Host-token="));
    assert_false(token_of("x__Host-token=" TOKEN));
    assert_false(token_of("__host-token=" TOKEN));
    assert_false(token_of("__Host-token=" TOKEN "0"));
    assert_false(token_of("__Host-token=\"" TOKEN "\""));
    assert_false(token_of("__Host-token=" TOKEN "; __Host-token=" TOKEN));
    assert_false(
        token_of("__Host-token=0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef"));
    memset(long_cookie, 'x', REQUEST_COOKIE_MAX);
    (void)snprintf(long_cookie + REQUEST_COOKIE_MAX - 10, 150, "; __Host-token=" TOKEN);
    assert_false(token_of(long_cookie));
}

static void only_our_own_names_are_hosts(void **state)
{
    (void)state;
    static const char *const hosts[] = {"console.local", "192.168.10.2", "[fd00::1]"};
    static const char *const right[] = {"console.local", "Console.LOCAL:8443", "192.168.10.2:1",
                                        "[fd00::1]:8443", "[fd00::1]"};
    static const char *const wrong[] = {"",
                                        ":8443",
                                        "console.local.evil",
                                        "evil.console.local",
                                        "console.local:",
                                        "console.local:x",
                                        "console.local:844311",
                                        "console.local:1:2",
                                        "console.local@evil",
                                        "console.local ",
                                        "[fd00::1",
                                        "[fd00::1]x",
                                        "fd00::1"};
    for (size_t i = 0; i < sizeof right / sizeof right[0]; i++)
        assert_true(request_host_allowed(right[i], hosts, 3));
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_false(request_host_allowed(wrong[i], hosts, 3));
    assert_false(request_host_allowed(NULL, hosts, 3));
}

static void an_origin_is_this_host_and_port_over_https(void **state)
{
    (void)state;
    assert_true(request_same_origin("https://a:8443", "a:8443"));
    assert_true(request_same_origin("https://A", "a"));
    assert_false(request_same_origin("http://a:8443", "a:8443"));
    assert_false(request_same_origin("https://a:8444", "a:8443"));
    assert_false(request_same_origin("https://a:8443/", "a:8443"));
    assert_false(request_same_origin("null", "a"));
    assert_false(request_same_origin(NULL, "a"));
    assert_false(request_same_origin("https://a", NULL));
}

/* RFC 2104 over the token's text; the value was made with another program. */
static void the_proof_is_bound_to_the_token(void **state)
{
    (void)state;
    char proof[REQUEST_CSRF_SIZE];
    assert_true(request_csrf(TOKEN, proof));
    assert_string_equal(proof, "e75c9ea4e99b13623945756792bbd6326b72a89760d2a9868f6175e820cd2eff");
    assert_true(request_csrf_fits(TOKEN, proof));
    proof[0] = proof[0] == '0' ? '1' : '0';
    assert_false(request_csrf_fits(TOKEN, proof));
    proof[REQUEST_CSRF_SIZE - 2] = '\0';
    assert_false(request_csrf_fits(TOKEN, proof));
    assert_false(request_csrf_fits(TOKEN, NULL));
}

static void a_streams_place(void **state)
{
    (void)state;
    struct stream_id id = {.number = 7};
    static const char *const wrong[] = {"",
                                        "0123456789abcdef",
                                        "0123456789abcdef-",
                                        "0123456789abcde-1",
                                        "0123456789abcdef0-1",
                                        "0123456789ABCDEF-1",
                                        "0123456789abcdef-1x",
                                        "0123456789abcdef--1",
                                        "0123456789abcdef-1234567890123456789"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_false(request_stream_id(wrong[i], &id));
    assert_false(request_stream_id(NULL, &id));
    assert_int_equal(id.number, 7);
    assert_true(request_stream_id("0123456789abcdef-123456789012345678", &id));
    assert_string_equal(id.epoch, "0123456789abcdef");
    assert_int_equal(id.number, 123456789012345678);
}

static void paths_of_pictures(void **state)
{
    (void)state;
    char hit[REQUEST_HIT_SIZE] = "kept";
    char sha[REQUEST_SHA_SIZE] = "kept";
    static const char *const wrong[] = {"/api/hits/",
                                        "/api/hits//pictures",
                                        "/api/hits/a/b/pictures",
                                        "/api/hits/a/picture",
                                        "/api/hits/a/pictures/",
                                        "/api/hits/a/pictures/" TOKEN "0",
                                        "/api/hits/a/pictures/../../x",
                                        "/api/hits/a%2f/pictures",
                                        "/api/board"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_false(request_picture_path(wrong[i], hit, sha));
    assert_string_equal(hit, "kept");
    assert_true(request_picture_path("/api/hits/lu-hz-01:7/pictures", hit, sha));
    assert_string_equal(hit, "lu-hz-01:7");
    assert_string_equal(sha, "");
    assert_true(request_picture_path("/api/hits/7/pictures/" TOKEN, hit, sha));
    assert_string_equal(sha, TOKEN);
}

/* However the bytes come in: whole, or one by one. */
static struct head_scan scan(const char *text, bool single)
{
    struct head_scan s = {0};
    size_t size = strlen(text);
    for (size_t i = 0; single && i < size; i++)
        head_scan_add(&s, text + i, 1);
    if (!single)
        head_scan_add(&s, text, size);
    return s;
}

static void line_feeds_without_carriage_return_are_seen_in_the_head_alone(void **state)
{
    (void)state;
    for (int single = 0; single < 2; single++) {
        struct head_scan good = scan("GET / HTTP/1.1\r\nHost: a\r\n\r\n{\n}\n\n", single);
        assert_true(good.whole);
        assert_false(good.bare);
        assert_true(scan("GET / HTTP/1.1\nHost: a\r\n\r\n", single).bare);
        assert_true(scan("GET / HTTP/1.1\r\nHost: a\n\r\n", single).bare);
        assert_true(scan("GET / HTTP/1.1\r\nHost: a\r\n\n", single).bare);
        assert_false(scan("GET / HTTP/1.1\r\nHost: a\r\n", single).whole);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_is_taken_only_from_exactly_one_cookie),
        cmocka_unit_test(only_our_own_names_are_hosts),
        cmocka_unit_test(an_origin_is_this_host_and_port_over_https),
        cmocka_unit_test(the_proof_is_bound_to_the_token),
        cmocka_unit_test(a_streams_place),
        cmocka_unit_test(paths_of_pictures),
        cmocka_unit_test(line_feeds_without_carriage_return_are_seen_in_the_head_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
