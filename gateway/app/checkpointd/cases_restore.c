/*
 * Hits and their cases, read back from the journal at the start: what a board showed before, with
 * the same numbers, cards and answers, and deadlines that go on. Rides on the reading of holds
 * (restore.c). Main thread, before the others run.
 */
#include <string.h>

#include "gateway/app/checkpointd/cases.h"
#include "gateway/app/checkpointd/checkpointd.h"
#include "gateway/base/json.h"

enum { KEPT_CLOSES = 2 /* older than so many times the time to close: headquarters has it */ };

static bool is_old(const struct checkpointd *c, struct wall_time wall)
{
    return clock_wall(&c->clock).ms - wall.ms > KEPT_CLOSES * c->config.handling.close_ms;
}

/* Bodies that need not be parsed are not: most decisions are of no hit on the board. */
static bool has(const struct journal_record *record, const char *mark)
{
    return memmem(record->body, record->body_size, mark, strlen(mark)) != NULL;
}

static void take_hit(struct checkpointd *c, const json_t *body, const struct journal_header *header)
{
    json_t *event = fact_hit_again(body, header->wall, header->mono);
    if (event) {
        cases_take_hit(c, event);
    }
    json_decref(event);
}

static void take_answer(struct checkpointd *c, json_t *body, const struct journal_header *header)
{
    char time[WALL_TEXT_SIZE];
    wall_format(header->wall, time);
    json_object_set_new(body, "time", json_string(time));
    board_keep_answer(&c->board, body);
    cases_take_answer(c, body);
}

static void take_handling(struct checkpointd *c, const json_t *body)
{
    struct case_slot *slot =
        cases_find(c, (uint64_t)json_integer_value(json_object_get(body, "hit")));
    const json_t *handling = json_object_get(body, "handling");
    if (slot && json_is_object(handling)) {
        handling_take_json(&slot->now, handling, cases_now(c));
    }
}

static void take_decision(struct checkpointd *c, const json_t *body,
                          const struct journal_header *header)
{
    const char *what = json_string_value(json_object_get(body, "what"));
    if (what && strcmp(what, "entry_standing") == 0) {
        json_t *event = fact_standing_again(body, header->wall, header->mono);
        board_keep_standing(&c->board, event);
        json_decref(event);
    } else if (json_object_get(body, "conflict")) {
        board_mark_conflict(&c->board, body);
    }
}

void cases_restore(struct checkpointd *c, const struct journal_record *record)
{
    const struct journal_header *header = &record->header;
    json_t *body = NULL;
    bool decision = header->kind == JOURNAL_DECISION;
    if ((CASES_KINDS & JOURNAL_KIND_BIT(header->kind)) == 0 || !record->has_body ||
        is_old(c, header->wall) ||
        (decision && !has(record, "entry_standing") && !has(record, "conflict")) ||
        json_parse(record->body, record->body_size, &body, NULL) != 0) {
        return;
    }
    if (header->kind == JOURNAL_HIT) {
        take_hit(c, body, header);
    } else if (header->kind == JOURNAL_HIT_ANSWER) {
        take_answer(c, body, header);
    } else if (header->kind == JOURNAL_HANDLING) {
        take_handling(c, body);
    } else {
        take_decision(c, body, header);
    }
    json_decref(body);
    cases_look_soon(c);
}
