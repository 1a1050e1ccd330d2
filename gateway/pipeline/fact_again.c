/*
 * A record's body as the event it once was: what a console shows of it is the same after a restart.
 * What stands in the record is taken over; the words are made from it again. See fact.h.
 */
#include <string.h>

#include "gateway/pipeline/fact_json.h"
#include "gateway/pipeline/why.h"

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static plate_key plate_of(const json_t *object, const char *key)
{
    struct plate_text plate = {.kind = PLATE_DECODE_ERROR};
    const char *text = text_of(object, key);
    plate_encode(text, strlen(text), PLATE_DASH_AUTO, &plate);
    return plate.kind == PLATE_KEY ? plate.key : 0;
}

static json_t *begin_event(const json_t *body, const char *name, struct wall_time wall,
                           struct mono_time mono)
{
    json_t *event = json_copy((json_t *)body);
    put_text(event, "event", name);
    put_time(event, "time", wall);
    put_int(event, "mono_ns", mono.ns);
    return event;
}

static void put_marks(json_t *event)
{
    const json_t *marks = json_object_get(json_object_get(event, "decision"), "marks");
    char text[DECISION_MARKS_TEXT_SIZE];
    uint32_t bits = 0;
    for (size_t i = 0; i < json_array_size(marks); i++) {
        const char *name = json_string_value(json_array_get(marks, i));
        for (uint32_t bit = 0; name && bit < MARK_COUNT; bit++)
            if (strcmp(name, decision_mark_name((enum decision_mark)(1u << bit))) == 0)
                bits |= 1u << bit;
    }
    decision_marks_format(bits, text);
    put_text(event, "marks_zh", text);
}

static void put_why(json_t *event)
{
    struct match_hit hit = {.kind = match_kind_parse(text_of(event, "match"))};
    struct plate_read read = {.kind = PLATE_UNREAD};
    const json_t *differs = json_object_get(event, "differs");
    const json_t *odds = json_object_get(event, "odds_db");
    hit.entry.key = plate_of(json_object_get(event, "entry"), "plate");
    hit.read_key = plate_of(event, "matched");
    hit.odds_db = (int16_t)(odds ? json_integer_value(odds) : MATCH_ODDS_NONE);
    read.key = plate_of(json_object_get(event, "read"), "plate");
    read.kind = read.key != 0 ? PLATE_KEY : PLATE_UNREAD;
    for (size_t i = 0; i < json_array_size(differs); i++) {
        const json_t *row = json_array_get(differs, i);
        json_int_t position = json_integer_value(json_object_get(row, "position"));
        if (json_object_get(row, "listed") && position >= 1 && position <= PLATE_SYMBOLS_MAX)
            hit.differs |= (uint16_t)(1u << (position - 1));
    }
    if (hit.kind != 0)
        why_words_into(event, &hit, &read);
}

static void put_checked(json_t *event, struct wall_time wall)
{
    const json_t *checked = json_object_get(event, "checked");
    struct pipeline_verdict verdict = {.verdict = INSTRUCTION_FALSE_ALARM};
    if (!checked || wall_parse(text_of(checked, "at"), &verdict.checked) != 0)
        return;
    while (instruction_verdict_name(verdict.verdict) &&
           strcmp(instruction_verdict_name(verdict.verdict), text_of(checked, "verdict")) != 0)
        verdict.verdict++;
    const char *place = text_of(checked, "place");
    if (!instruction_verdict_name(verdict.verdict) || strlen(place) >= sizeof verdict.place)
        return;
    memcpy(verdict.place, place, strlen(place) + 1);
    verdict_words_into(event, &verdict, wall);
}

json_t *fact_hit_again(const json_t *body, struct wall_time wall, struct mono_time mono)
{
    json_t *event = begin_event(body, "hit", wall, mono);
    if (event) {
        put_marks(event);
        put_why(event);
        put_checked(event, wall);
    }
    return event;
}

json_t *fact_standing_again(const json_t *body, struct wall_time wall, struct mono_time mono)
{
    json_t *event = begin_event(body, "hit_standing", wall, mono);
    struct fact fact = {.kind = FACT_STANDING};
    struct fact_standing *s = &fact.u.standing;
    s->revision = (uint64_t)json_integer_value(json_object_get(body, "list_revision"));
    s->state = FACT_STANDING_ANSWERED;
    s->answer.standing = STANDING_STANDS;
    while (standing_name(s->answer.standing) &&
           strcmp(standing_name(s->answer.standing), text_of(body, "standing")) != 0)
        s->answer.standing++;
    if (event && standing_name(s->answer.standing))
        standing_words_into(event, &fact);
    return event;
}
