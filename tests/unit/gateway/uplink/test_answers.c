/*
 * What headquarters and checkpointd say, read strictly: each good form once, each bad one with its
 * reason.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/uplink/answers.h"
#include "gateway/uplink/box_line.h"

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

struct bad {
    const char *text;
    const char *why;
};

static void expect(const struct err_text *err, const char *why)
{
    if (strcmp(err->text, why) != 0)
        fail_msg("'%s', expected '%s'", err->text, why);
}

static void inbox_in_order(void **state)
{
    (void)state;
    static const char text[] =
        "{\"messages\":[{\"number\":4,\"kind\":\"list\",\"expires\":\"x\",\"body\":{\"revision\":7}"
        "},"
        "{\"number\":9,\"kind\":\"news_of_later\",\"body\":{},\"more\":1}],\"next\":9,\"later\":1}";
    struct inbox_answer inbox;
    assert_int_equal(inbox_answer_read(text, strlen(text), 3, &inbox, NULL), 0);
    assert_int_equal(inbox.count, 2);
    assert_int_equal(inbox.messages[0].number, 4);
    assert_string_equal(inbox.messages[1].kind, "news_of_later");
    assert_string_equal(inbox.messages[1].text,
                        "{\"body\":{},\"kind\":\"news_of_later\",\"more\":1,\"number\":9}");
    assert_int_equal(inbox.next, 9);
    inbox_answer_free(&inbox);
    assert_int_equal(inbox_answer_read("{\"messages\":[],\"next\":3}", 24, 3, &inbox, NULL), 0);
    assert_int_equal(inbox.count, 0);
    inbox_answer_free(&inbox);
}

static void bad_inboxes(void **state)
{
    (void)state;
    static const struct bad bad[] = {
        {"[]", "expected an object"},
        {"{\"next\":3}", "messages: expected a list of at most 1000"},
        {"{\"messages\":{},\"next\":3}", "messages: expected a list of at most 1000"},
        {"{\"messages\":[]}", "next: expected a number from 0"},
        {"{\"messages\":[],\"next\":4}", "next: expected 3"},
        {"{\"messages\":[1],\"next\":3}", "messages[0]: expected an object with a body"},
        {"{\"messages\":[{\"number\":4,\"kind\":\"list\"}],\"next\":4}",
         "messages[0]: expected an object with a body"},
        {"{\"messages\":[{\"number\":3,\"kind\":\"list\",\"body\":{}}],\"next\":3}",
         "messages[0]: number: 3 is not above 3"},
        {"{\"messages\":[{\"number\":-1,\"kind\":\"list\",\"body\":{}}],\"next\":3}",
         "messages[0]: number: expected a number from 0"},
        {"{\"messages\":[{\"number\":5,\"kind\":\"list\",\"body\":{}},"
         "{\"number\":5,\"kind\":\"list\",\"body\":{}}],\"next\":5}",
         "messages[1]: number: 5 is not above 5"},
        {"{\"messages\":[{\"number\":4,\"kind\":\"../x\",\"body\":{}}],\"next\":4}",
         "messages[0]: kind: expected 1 to 32 of a-z and _"},
        {"{\"messages\":[{\"number\":4,\"kind\":\"\",\"body\":{}}],\"next\":4}",
         "messages[0]: kind: expected 1 to 32 of a-z and _"},
        {"{\"messages\":[{\"number\":4,\"kind\":\"list\",\"body\":{\"x\":1.5}}],\"next\":4}",
         "messages[0]: message: invalid"},
        {"{\"messages\":[{\"number\":4,\"kind\":\"list\",\"body\":{}}],\"next\":5}",
         "next: expected 4"}};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct inbox_answer inbox;
        struct err_text err;
        assert_int_equal(inbox_answer_read(bad[i].text, strlen(bad[i].text), 3, &inbox, &err),
                         ERR_INVALID);
        expect(&err, bad[i].why);
    }
}

static void head_with_and_without_a_statement(void **state)
{
    (void)state;
    static const char with[] = "{\"revision\":7,\"hash\":\"sha256:" HEX64
                               "\",\"freshness\":{\"b\":1,\"a\":2},\"keyset_version\":3}";
    static const char without[] =
        "{\"revision\":0,\"hash\":\"sha256:" HEX64 "\",\"freshness\":null,\"keyset_version\":3,"
        "\"policy_version\":5,\"exempt_revision\":6,\"retention_version\":7}";
    struct head_answer head;
    assert_int_equal(head_answer_read(with, strlen(with), &head, NULL), 0);
    assert_int_equal(head.revision, 7);
    assert_int_equal(head.keyset_version, 3);
    assert_false(head.has_policy || head.has_statement[BOX_EXEMPT] ||
                 head.has_statement[BOX_RETENTION]); /* a headquarters that knows none */
    assert_int_equal(head.hash[1], 0x23);
    assert_string_equal(head.freshness, "{\"a\":2,\"b\":1}");
    head_answer_free(&head);
    assert_int_equal(head_answer_read(without, strlen(without), &head, NULL), 0);
    assert_null(head.freshness);
    assert_true(head.has_policy && head.policy_version == 5);
    assert_true(head.has_statement[BOX_EXEMPT] && head.statements[BOX_EXEMPT] == 6);
    assert_true(head.has_statement[BOX_RETENTION] && head.statements[BOX_RETENTION] == 7);
}

static void bad_heads(void **state)
{
    (void)state;
    static const struct bad bad[] = {
        {"{}", "revision: expected a number from 0"},
        {"{\"revision\":1}", "keyset_version: expected a number from 0"},
        {"{\"revision\":1,\"keyset_version\":1,\"policy_version\":-1}",
         "policy_version: expected a number from 0"},
        {"{\"revision\":1,\"keyset_version\":1,\"exempt_revision\":\"1\"}",
         "exempt_revision: expected a number from 0"},
        {"{\"revision\":1,\"keyset_version\":1}", "hash: expected sha256:<64 hex>"},
        {"{\"revision\":1,\"keyset_version\":1,\"hash\":\"md5:0\"}",
         "hash: expected sha256:<64 hex>"},
        {"{\"revision\":1,\"keyset_version\":1,\"hash\":\"sha256:" HEX64 "\"}",
         "freshness: missing, expected an envelope or null"},
        {"{\"revision\":1,\"keyset_version\":1,\"hash\":\"sha256:" HEX64 "\",\"freshness\":[]}",
         "freshness: expected an object"}};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct head_answer head;
        struct err_text err;
        assert_int_equal(head_answer_read(bad[i].text, strlen(bad[i].text), &head, &err),
                         ERR_INVALID);
        expect(&err, bad[i].why);
    }
}

static void batches_without_a_gap(void **state)
{
    (void)state;
    static const char text[] = "{\"batches\":[{\"revision\":8,\"envelope\":{\"a\":1}},"
                               "{\"revision\":9,\"envelope\":{}}],\"next\":9}";
    static const struct bad bad[] = {
        {"{}", "batches: expected a list of at most 1000"},
        {"{\"batches\":[{\"revision\":9,\"envelope\":{}}]}", "batches[0]: revision: expected 8"},
        {"{\"batches\":[{\"revision\":8,\"envelope\":\"x\"}]}",
         "batches[0]: envelope: expected an object"},
        {"{\"batches\":[{\"revision\":8,\"envelope\":{}},7]}",
         "batches[1]: revision: expected a number from 0"}};
    struct batches_answer page;
    struct err_text err;
    assert_int_equal(batches_answer_read(text, strlen(text), 7, &page, NULL), 0);
    assert_int_equal(page.count, 2);
    assert_string_equal(page.batches[0].envelope, "{\"a\":1}");
    batches_answer_free(&page);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(batches_answer_read(bad[i].text, strlen(bad[i].text), 7, &page, &err),
                         ERR_INVALID);
        expect(&err, bad[i].why);
    }
}

static void an_object_becomes_one_line(void **state)
{
    (void)state;
    static const char text[] = "{\n \"b\": 1,\r\n \"a\": \"x\\ny\"}\n";
    char *line = NULL;
    size_t size = 0;
    assert_int_equal(object_answer_read(text, strlen(text), &line, &size, NULL), 0);
    assert_string_equal(line, "{\"a\":\"x\\ny\",\"b\":1}");
    assert_null(strchr(line, '\n'));
    free(line);
    assert_int_equal(object_answer_read("[1]", 3, &line, &size, NULL), ERR_INVALID);
    assert_int_equal(object_answer_read("{}{}", 4, &line, &size, NULL), ERR_INVALID);
}

static void quarantine_gives_its_reason(void **state)
{
    (void)state;
    static const char text[] =
        "{\"error\":{},\"quarantine\":{\"chain\":\"00\",\"sequence\":4,\"reason\":\"new chain\"}}";
    char reason[ANSWER_REASON_SIZE];
    char fork_reason[ANSWER_REASON_SIZE];
    bool set_aside = true;
    assert_int_equal(quarantine_answer_read(text, strlen(text), reason, &set_aside, NULL), 0);
    assert_false(set_aside);
    const char *forked = "{\"quarantine\":{\"reason\":\"fork\",\"set_aside\":true}}";
    assert_int_equal(quarantine_answer_read(forked, strlen(forked), fork_reason, &set_aside, NULL),
                     0);
    assert_true(set_aside);
    assert_string_equal(reason, "new chain");
    assert_int_equal(quarantine_answer_read("{}", 2, reason, &set_aside, NULL), ERR_NOT_FOUND);
    assert_int_equal(quarantine_answer_read("{\"quarantine\":{}}", 17, reason, &set_aside, NULL),
                     ERR_INVALID);
}

static int parse(const char *text, struct box_line *line)
{
    return box_line_parse(text, strlen(text), line, NULL);
}

static void lines_of_checkpointd(void **state)
{
    (void)state;
    struct box_line line;
    static const char record[] = "{\"record\":{\"id\":\"ab:12\",\"z\":\"ä\"}}";
    static const char status[] =
        "{\"status\":{\"checkpoint\":\"lu-hz-01\",\"confirmed\":5,\"head\":9}}";
    assert_int_equal(parse(record, &line), 0);
    assert_int_equal(line.kind, BOX_RECORD);
    assert_int_equal(line.sequence, 12);
    assert_int_equal(line.event_size, strlen(record) - 11);
    assert_memory_equal(line.event, "{\"id\":\"ab:12\",\"z\":\"ä\"}", line.event_size);
    assert_int_equal(parse("{\"urgent\":{\"id\":\"ab:1\"}}", &line), 0);
    assert_int_equal(line.kind, BOX_URGENT);
    static const char ask[] = "{\"ask\":{\"entry\":3,\"sequence\":12}}";
    assert_int_equal(parse(ask, &line), 0);
    assert_int_equal(line.kind, BOX_ASK);
    assert_int_equal(line.event_size, strlen(ask) - 8);
    assert_memory_equal(line.event, "{\"entry\":3,\"sequence\":12}", line.event_size);
    assert_int_equal(parse("{\"ask\":{},\"more\":1}", &line), ERR_INVALID);
    assert_int_equal(parse("{\"ask\":1}", &line), ERR_INVALID);
    assert_int_equal(parse("{ \"ask\":{}}", &line), ERR_INVALID);
    assert_int_equal(parse(status, &line), 0);
    assert_int_equal(line.kind, BOX_STATUS);
    assert_string_equal(line.checkpoint, "lu-hz-01");
    assert_int_equal(line.confirmed, 5);
    assert_int_equal(parse("{\"ok\":true}", &line), 0);
    assert_int_equal(line.kind, BOX_OK);
    assert_false(line.has_confirmed);
    assert_int_equal(parse("{\"confirmed\":7,\"ok\":true}", &line), 0);
    assert_int_equal(line.confirmed, 7);
    assert_int_equal(parse("{\"error\":{\"code\":\"denied\",\"en\":\"no\"}}", &line), 0);
    assert_int_equal(line.kind, BOX_ERROR);
    assert_string_equal(line.error, "denied: no");
}

static void bad_lines_of_checkpointd(void **state)
{
    (void)state;
    static const struct bad bad[] = {
        {"[7]", "expected an object"},
        {"{}", "expected one member, record or urgent"},
        {"{\"record\":7}", "record: expected an object"},
        {"{\"record\":{}}", "id: expected <chain>:<sequence>"},
        {"{\"record\":{\"id\":\"ab:0\"}}", "id: expected <chain>:<sequence>"},
        {"{\"record\":{\"id\":\"ab:1x\"}}", "id: expected <chain>:<sequence>"},
        {"{\"record\":{\"id\":\"ab:99999999999999999999\"}}", "id: expected <chain>:<sequence>"},
        {"{\"record\":{\"id\":\"ab:1\"},\"x\":1}", "expected one member, record or urgent"},
        {"{\"record\": {\"id\":\"ab:1\"}}", "record: expected an object"},
        {"{\"status\":{\"confirmed\":5}}", "status.checkpoint: expected a name"},
        {"{\"status\":{\"checkpoint\":\"a\",\"confirmed\":-5}}",
         "confirmed: expected a number from 0"},
        {"{\"ok\":true,\"confirmed\":\"x\"}", "confirmed: expected a number from 0"},
        {"{\"ok\":false}", "expected one member, record or urgent"}};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct box_line line;
        struct err_text err;
        assert_int_equal(box_line_parse(bad[i].text, strlen(bad[i].text), &line, &err),
                         ERR_INVALID);
        expect(&err, bad[i].why);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inbox_in_order),
        cmocka_unit_test(bad_inboxes),
        cmocka_unit_test(head_with_and_without_a_statement),
        cmocka_unit_test(bad_heads),
        cmocka_unit_test(batches_without_a_gap),
        cmocka_unit_test(an_object_becomes_one_line),
        cmocka_unit_test(quarantine_gives_its_reason),
        cmocka_unit_test(lines_of_checkpointd),
        cmocka_unit_test(bad_lines_of_checkpointd),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
