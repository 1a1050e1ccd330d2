/*
 * The routing table and the query string: what is served to whom, and everything else refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#include "gateway/hq/hqd.h"
#include "gateway/hq/route.h"

enum { ALL = HQ_WHO_BOX | HQ_WHO_OPERATOR };

static int find(const char *method, const char *path, unsigned who, hq_handler *out, char *id)
{
    const struct hq_route *route = NULL;
    char found[TLS_LABEL_SIZE] = "";
    char part[TLS_LABEL_SIZE] = "";
    int rc = hq_route_find(method, path, who, &route, found, part);
    if (rc == 0 && out)
        *out = route->handler;
    if (rc == 0 && id)
        memcpy(id, found, sizeof(found));
    return rc;
}

static void path_and_method_choose_the_handler(void **state)
{
    (void)state;
    hq_handler handler = NULL;
    char id[TLS_LABEL_SIZE];
    assert_int_equal(find("GET", "/v1/list/batches", ALL, &handler, id), 0);
    assert_true(handler == hq_list_batches);
    assert_string_equal(id, "");
    assert_int_equal(find("PUT", "/v1/list/batches", ALL, &handler, NULL), 0);
    assert_true(handler == hq_list_put_batch);
    assert_int_equal(find("POST", "/v1/checkpoints/lu-hz-01/records", ALL, &handler, id), 0);
    assert_true(handler == hq_box_records);
    assert_string_equal(id, "lu-hz-01");
}

static void everything_else_is_named_by_its_error(void **state)
{
    (void)state;
    char long_path[400];
    assert_int_equal(find("DELETE", "/v1/list/batches", ALL, NULL, NULL), ERR_UNSUPPORTED);
    assert_int_equal(find("GET", "/v1/list/batches/", ALL, NULL, NULL), ERR_NOT_FOUND);
    assert_int_equal(find("GET", "/v1/list", ALL, NULL, NULL), ERR_NOT_FOUND);
    assert_int_equal(find("GET", "", ALL, NULL, NULL), ERR_NOT_FOUND);
    assert_int_equal(find("POST", "/v1/checkpoints//records", ALL, NULL, NULL), ERR_NOT_FOUND);
    assert_int_equal(find("POST", "/v1/checkpoints/a/b/records", ALL, NULL, NULL), ERR_NOT_FOUND);
    assert_int_equal(find("GET", "/v1/%6cist/head", ALL, NULL, NULL), ERR_INVALID);
    memset(long_path, 'a', sizeof(long_path) - 1);
    long_path[sizeof(long_path) - 1] = '\0';
    assert_int_equal(find("GET", long_path, ALL, NULL, NULL), ERR_INVALID);
    memcpy(long_path, "/v1/list/chunks/", 16);
    long_path[16 + 65] = '\0'; /* one more than an id holds */
    assert_int_equal(find("GET", long_path, ALL, NULL, NULL), ERR_NOT_FOUND);
    long_path[16 + 64] = '\0';
    assert_int_equal(find("GET", long_path, ALL, NULL, NULL), 0);
}

static void the_enrolment_port_serves_enrolment_only(void **state)
{
    (void)state;
    assert_int_equal(find("GET", "/v1/list/head", HQ_WHO_NOBODY, NULL, NULL), ERR_NOT_FOUND);
    assert_int_equal(find("POST", "/.well-known/est/simpleenroll", HQ_WHO_NOBODY, NULL, NULL), 0);
    assert_int_equal(find("POST", "/.well-known/est/simpleenroll", ALL, NULL, NULL), ERR_NOT_FOUND);
    assert_int_equal(find("POST", "/.well-known/est/simplereenroll", HQ_WHO_NOBODY, NULL, NULL),
                     ERR_NOT_FOUND);
}

static void query_has_defaults_and_bounds(void **state)
{
    (void)state;
    struct hq_query q;
    assert_int_equal(hq_query_parse(NULL, &q, NULL), 0);
    assert_int_equal(q.limit, HQ_LIMIT_DEFAULT);
    assert_int_equal(q.wait_s, 0);
    assert_false(q.has_revision);
    assert_false(q.has_above);
    assert_int_equal(hq_query_parse("above=", &q, NULL), 0);
    assert_true(q.has_above && q.above[0] == '\0');
    assert_int_equal(hq_query_parse("above=lu-hz-01", &q, NULL), 0);
    assert_string_equal(q.above, "lu-hz-01");
    assert_int_equal(hq_query_parse("after=9223372036854775807&limit=1000&wait=60", &q, NULL), 0);
    assert_true(q.after == INT64_MAX && q.limit == 1000 && q.wait_s == 60);
    assert_int_equal(
        hq_query_parse("revision=3&hash=sha256%3A"
                       "abababababababababababababababababababababababababababababababab",
                       &q, NULL),
        0);
    assert_true(q.has_revision && q.revision == 3);
    assert_int_equal(strlen(q.hash), HASH_TEXT_SIZE - 1);
}

static void query_errors_name_the_key(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"after=-1", "query: after: expected a number"},
        {"after=9223372036854775808", "query: after: expected a number"},
        {"above=Box%201", "query: above: expected a checkpoint id, or nothing"},
        {"limit=0", "query: limit: expected 1 to 1000"},
        {"wait=61", "query: wait: expected 0 to 60 seconds"},
        {"hash=sha256:00", "query: hash: expected sha256: and 64 hex digits"},
        {"checkpoint=A", "query: checkpoint: expected a checkpoint id"},
        {"checkpoint=a%00b", "query: checkpoint: expected plain text"},
        {"colour=red", "query: unknown key 'colour'"},
        {"after=1&after=1", "query: after stands twice"},
        {"after", "query: expected key=value"},
        {"&", "query: expected key=value"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct hq_query q = {.limit = 7};
        struct err_text err = {""};
        assert_int_equal(hq_query_parse(cases[i][0], &q, &err), ERR_INVALID);
        assert_string_equal(err.text, cases[i][1]);
        assert_int_equal(q.limit, 7);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(path_and_method_choose_the_handler),
        cmocka_unit_test(everything_else_is_named_by_its_error),
        cmocka_unit_test(the_enrolment_port_serves_enrolment_only),
        cmocka_unit_test(query_has_defaults_and_bounds),
        cmocka_unit_test(query_errors_name_the_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
