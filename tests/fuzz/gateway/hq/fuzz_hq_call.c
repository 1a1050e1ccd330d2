/*
 * The body of a box's record as it may call for somebody: taken once or twice it makes one row or
 * none, an end ends it, and what is shown of it is strict JSON.
 */
#include "gateway/hq/calls.h"
#include "tests/fuzz/gateway/hq/hqd_of_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void note(const char *body, size_t size, uint64_t sequence)
{
    struct journal_record r = {.has_body = true, .body = body, .body_size = size};
    struct err_text err = {""};
    r.header = (struct journal_header){
        .sequence = sequence, .kind = JOURNAL_ACT, .wall = {1790000000000}, .chain = {1}};
    int rc = hq_call_note(&hq.db, "north-1", &r, stands(NULL), &err);
    assert(rc == 0 || err.text[0] != '\0');
}

static size_t shown(void)
{
    struct hq_call call;
    int rc = hq_call_init(&call, &hq);
    assert(rc == 0);
    call.now = stands(NULL);
    call.query.limit = 10;
    enum hq_step step = hq_operator_calls(&call);
    assert(step == HQ_DONE && call.answer.status == 200);
    json_t *value = answer_json(&call);
    size_t count = json_array_size(json_object_get(value, "calls"));
    json_decref(value);
    hq_call_fini(&call);
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *body = (const char *)data;
    open_once();
    int rc = hq_db_exec(&hq.db, "DELETE FROM calls", NULL, 0, NULL);
    assert(rc == 0);
    note(body, size, 1);
    size_t first = shown();
    note(body, size, 1);
    size_t again = shown();
    note(body, size, 2);
    size_t next = shown();
    assert(first <= 1 && again == first && next == first);
    return 0;
}
