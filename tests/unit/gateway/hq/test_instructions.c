/*
 * What a duty officer tells every box in one act: a message and a row for each that is not revoked,
 * under one number above all before it; nothing of it where it is refused.
 */
#include "hq_world.h"

#include "gateway/base/clock.h"
#include "gateway/signed/instruction_task.h"

static struct sign_key *duty;

static int open_world(void **state)
{
    if (open_hq(state) != 0)
        return -1;
    assert_int_equal(sign_key_create(KEY_ALG_ED25519, &duty), 0);
    add_key(hq.keyset, KEY_ROLE_INSTRUCTION, duty);
    return 0;
}

static int close_world(void **state)
{
    sign_key_free(duty);
    return close_hq(state);
}

static void add_boxes(int count)
{
    char id[32];
    assert_int_equal(hq_db_begin(&hq.db, NULL), 0);
    for (int n = 1; n <= count; n++) {
        (void)snprintf(id, sizeof(id), "box-%04d", n); /* fits */
        assert_int_equal(
            hq_db_exec(&hq.db, "INSERT INTO checkpoints(id, name, created_ms) VALUES($1, $1, 0)",
                       HQ_PARAMS(hq_text(id)), NULL),
            0);
    }
    assert_int_equal(hq_db_commit(&hq.db, NULL), 0);
}

static void change(const char *sql)
{
    assert_int_equal(hq_db_exec(&hq.db, sql, NULL, 0, NULL), 0);
}

static int64_t number(const char *sql)
{
    int64_t value = -1;
    assert_int_equal(hq_db_number(&hq.db, sql, NULL, 0, -1, &value, NULL), 0);
    return value;
}

static struct instruction verdict(uint64_t id)
{
    struct instruction i = {.id = id,
                            .checkpoint = INSTRUCTION_ALL,
                            .fleet = "fleet",
                            .kind = INSTRUCTION_KIND_FOR_ALL,
                            .time = wall,
                            .expires = {wall.ms + 60000}};
    i.body =
        json_pack("{s:s,s:i,s:b,s:s,s:s,s:s}", "checked", "2027-01-15T07:00:00.000Z", "entry", 17,
                  "hold", 0, "place", "城东卡口", "plate", "鲁H12345", "verdict", "false_alarm");
    return i;
}

/* The answer's status, and its number `member`. Drops the instruction. */
static int post(struct instruction i, const char *member, int64_t *out)
{
    struct envelope e = {0};
    char *text = NULL;
    size_t size = 0;
    assert_int_equal(instruction_compose(&i, &e, NULL), 0);
    assert_int_equal(envelope_sign(&e, duty), 0);
    assert_int_equal(envelope_write(&e, &text, &size), 0);
    envelope_fini(&e);
    instruction_fini(&i);
    struct hq_call call = call_of(TLS_PEER_OPERATOR, "zhang");
    call.body = text;
    call.size = size;
    assert_int_equal(hq_operator_instructions(&call), HQ_DONE);
    int status = call.answer.status;
    json_t *value = answer_of(&call);
    *out = json_integer_value(json_object_get(value, member));
    json_decref(value);
    hq_call_fini(&call);
    free(text);
    return status;
}

static int64_t told(struct instruction i)
{
    int64_t count = -1;
    assert_int_equal(post(i, "told", &count), 201);
    return count;
}

static void each_box_has_a_message_of_its_own(void **state)
{
    (void)state;
    add_boxes(3);
    change("UPDATE checkpoints SET revoked_ms = 1 WHERE id = 'box-0002'");
    assert_int_equal(hqd_post(&hq, "box-0001", "instruction", "{}", 2, wall,
                              (struct wall_time){wall.ms + 1000}, NULL),
                     0); /* of before: it stays one */
    woken = 0;
    assert_int_equal(told(verdict(70)), 2);
    assert_true(woken & HQ_TOPIC_INBOX);
    assert_int_equal(number("SELECT count(*) FROM inbox WHERE checkpoint = 'box-0001'"), 2);
    assert_int_equal(number("SELECT count(*) FROM inbox WHERE checkpoint = 'box-0002'"), 0);
    assert_int_equal(number("SELECT count(*) FROM inbox WHERE checkpoint = 'box-0003'"), 1);
    assert_int_equal(number("SELECT count(*) FROM instructions WHERE id = 70 AND entry = 17 AND"
                            " verdict = 'false_alarm' AND signed_by = 'hqd'"),
                     2);
    assert_int_equal(number("SELECT count(*) FROM instructions i JOIN inbox b ON b.number ="
                            " i.number AND b.checkpoint = i.checkpoint"),
                     2);
}

static void its_number_is_above_that_of_every_box(void **state)
{
    (void)state;
    struct instruction i;
    int64_t last = 0;
    add_boxes(2);
    change("UPDATE checkpoints SET instruction_id = 80 WHERE id = 'box-0002'");
    assert_int_equal(post(verdict(80), "last", &last), 409);
    assert_int_equal(last, 80);
    assert_int_equal(number("SELECT count(*) FROM inbox"), 0);
    assert_int_equal(told(verdict(81)), 2);
    assert_int_equal(post(verdict(81), "last", &last), 409); /* once more */
    assert_int_equal(number("SELECT count(*) FROM inbox"), 2);
    i = verdict(81); /* nor to one of them alone */
    memcpy(i.checkpoint, "box-0001", sizeof("box-0001"));
    i.fleet[0] = '\0';
    assert_int_equal(post(i, "number", &last), 409);
    i = verdict(82);
    memcpy(i.checkpoint, "box-0001", sizeof("box-0001"));
    i.fleet[0] = '\0';
    assert_int_equal(post(i, "number", &last), 201);
    assert_int_equal(post(verdict(82), "last", &last), 409);
    assert_int_equal(last, 82);
}

static void what_is_no_verdict_of_this_fleet_reaches_nobody(void **state)
{
    (void)state;
    int64_t none = 0;
    struct envelope e = {0};
    struct instruction i = verdict(7);
    add_boxes(1);
    memcpy(i.fleet, "other", sizeof("other"));
    assert_int_equal(post(i, "told", &none), 422);
    i = verdict(8);
    json_object_del(i.body, "plate"); /* bound to none */
    assert_int_equal(post(i, "told", &none), 422);
    i = verdict(9);
    i.expires.ms = wall.ms;
    i.time.ms = wall.ms - 60000;
    assert_int_equal(post(i, "told", &none), 422);
    assert_int_equal(number("SELECT count(*) FROM inbox"), 0);
    i = verdict(10);
    memcpy(i.kind, "hold", sizeof("hold"));
    assert_int_equal(instruction_compose(&i, &e, NULL), ERR_INVALID);
    instruction_fini(&i);
}

/* The product promises 2 s to all connected boxes; the store is asked for a part of it. */
static void five_thousand_boxes_are_told_in_one_short_act(void **state)
{
    (void)state;
    enum { BOXES = 5000 };
    add_boxes(BOXES);
    struct mono_time begin = clock_mono(&clock_system);
    assert_int_equal(told(verdict(70)), BOXES);
    int64_t ms = mono_diff_ms(clock_mono(&clock_system), begin);
    print_message("%d boxes told in %lld ms\n", BOXES, (long long)ms);
    assert_true(ms <= 2000);
    assert_int_equal(number("SELECT count(DISTINCT checkpoint) FROM inbox"), BOXES);
}

int main(void)
{
#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, open_world, close_world)
    const struct CMUnitTest tests[] = {
        WITH_WORLD(each_box_has_a_message_of_its_own),
        WITH_WORLD(its_number_is_above_that_of_every_box),
        WITH_WORLD(what_is_no_verdict_of_this_fleet_reaches_nobody),
        WITH_WORLD(five_thousand_boxes_are_told_in_one_short_act),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
