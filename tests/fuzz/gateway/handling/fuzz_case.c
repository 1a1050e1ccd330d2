/*
 * A hit and, behind a line feed, the record that says how far its handling has come. Whatever
 * stands there makes a case whose own words can be written, read and written again without a
 * change, and whose deadlines end.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/json.h"
#include "gateway/handling/handling.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct handling_policy policy = {
    .confirm_view_ms = 3000, .sign_ms = 120000, .feedback_ms = 600000, .close_ms = HANDLING_DAY_MS};
static const struct handling_when now = {{3600000000000}, {1800000000000}};

static json_t *object_of(const uint8_t *text, size_t size)
{
    json_t *value = NULL;
    if (size == 0 || json_parse((const char *)text, size, &value, NULL) != 0)
        return NULL;
    if (json_is_object(value))
        return value;
    json_decref(value);
    return NULL;
}

static char *words(const struct handling_case *c)
{
    json_t *object = handling_json(c, &policy);
    char *text = json_dumps(object, JSON_COMPACT | JSON_SORT_KEYS);
    assert(text);
    json_decref(object);
    return text;
}

/* The case that these words make of the opened one. */
static struct handling_case taken(const struct handling_case *opened, const char *text)
{
    struct handling_case c = *opened;
    json_t *object = object_of((const uint8_t *)text, strlen(text));
    assert(object);
    handling_take_json(&c, object, now);
    json_decref(object);
    return c;
}

/* A foreign record may say what no case is (signed, and by nobody): read once, it is one. */
static void check_words(const struct handling_case *c, const struct handling_case *opened)
{
    char *first = words(c);
    struct handling_case again = taken(opened, first);
    char *second = words(&again);
    struct handling_case last = taken(opened, second);
    char *third = words(&last);
    assert(again.stage == c->stage && strcmp(second, third) == 0);
    free(third);
    free(second);
    free(first);
}

static void check_deadlines(struct handling_case *c)
{
    enum { STEPS = HANDLING_OVERDUE_HQ + 1 };
    int looks = 0;
    for (struct mono_time next = handling_next_look(c, &policy); next.ns != INT64_MAX;
         next = handling_next_look(c, &policy)) {
        bool late = handling_look(c, &policy, next);
        looks++;
        assert(late && looks < STEPS);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct handling_case opened;
    const uint8_t *end = size > 0 ? memchr(data, '\n', size) : NULL;
    size_t head = end ? (size_t)(end - data) : size;
    json_t *hit = object_of(data, head);
    json_t *body = end ? object_of(end + 1, size - head - 1) : NULL;
    if (hit && handling_open(&opened, hit, now) == 0) {
        struct handling_case c = opened;
        assert(c.facts.hit > 0 && c.stage == HANDLING_ALERTED);
        if (body)
            handling_take_json(&c, body, now);
        check_words(&c, &opened);
        check_deadlines(&c);
    }
    json_decref(body);
    json_decref(hit);
    return 0;
}
