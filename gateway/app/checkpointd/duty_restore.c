/*
 * What stands when the program begins: calls for help and backup that no record ended, whether
 * somebody was missed, who took the shift over last. Main thread, before the others run.
 */
#include <stdio.h>
#include <string.h>

#include "gateway/app/checkpointd/checkpointd.h"
#include "gateway/base/json.h"
#include "gateway/journal/reader.h"

struct restoring {
    struct checkpointd *c;
    enum duty_well told; /* what the journal says of the word that is missed */
};

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

static uint64_t number_of(const json_t *object, const char *name)
{
    json_int_t number = json_integer_value(json_object_get(object, name));
    return number > 0 ? (uint64_t)number : 0;
}

static void take_standing(struct duty *d, enum duty_kind kind, const json_t *call,
                          const json_t *body, struct wall_time wall)
{
    struct duty_call standing = {.kind = kind,
                                 .id = number_of(call, "id"),
                                 .lane = (uint8_t)number_of(call, "lane"),
                                 .since = wall};
    if (!json_is_true(json_object_get(call, "open"))) {
        (void)!duty_end(d, kind, standing.id); /* the record that began it may be past its term */
        return;
    }
    (void)snprintf(standing.officer, sizeof(standing.officer), "%s", text_of(call, "officer"));
    if (kind == DUTY_HELP) { /* as it was put in, they fit */
        (void)snprintf(standing.note, sizeof(standing.note), "%s", text_of(body, "reason"));
    }
    /* More than may stand were not taken when they came either. */
    (void)!duty_call(d, &standing, clock_mono(&clock_system), NULL);
}

static void note_id(struct duty_keeper *k, uint64_t id)
{
    k->last_id = id > k->last_id ? id : k->last_id;
}

static void take_body(struct restoring *r, const json_t *body, struct wall_time wall)
{
    struct duty_keeper *k = &r->c->duty;
    const json_t *call = json_object_get(body, "call");
    const char *kind = text_of(call, "kind");
    const char *what = text_of(body, "what");
    if (strcmp(kind, "help") == 0) {
        take_standing(&k->duty, DUTY_HELP, call, body, wall);
        note_id(k, number_of(call, "id"));
    } else if (strcmp(kind, "backup") == 0) {
        take_standing(&k->duty, DUTY_BACKUP, call, body, wall);
    } else if (strcmp(kind, "question") == 0) {
        duty_questions_take(r->c, call, wall);
        note_id(k, number_of(call, "id"));
    } else if (strcmp(what, "handover_accept") == 0) {
        k->handover.id = number_of(json_object_get(body, "handover"), "id");
        k->handover.time = wall;
        (void)snprintf(k->handover.officer, sizeof(k->handover.officer), "%s",
                       text_of(json_object_get(body, "by"), "officer")); /* as it was put in */
        note_id(k, k->handover.id);
    } else if (strcmp(what, "well_missed") == 0) {
        k->well_id = number_of(body, "missed");
        note_id(k, k->well_id);
        r->told = strcmp(text_of(body, "told"), "hq") == 0 ? DUTY_WELL_HQ : DUTY_WELL_LEADER;
    } else if (strcmp(what, "well") == 0 || strcmp(what, "well_end") == 0) {
        k->well_id = 0;
        r->told = DUTY_WELL_OFF;
    }
}

static bool says(const struct journal_record *record, const char *mark)
{
    return memmem(record->body, record->body_size, mark, strlen(mark)) != NULL;
}

static int look_at(void *ctx, const struct journal_record *record)
{
    struct restoring *r = ctx;
    json_t *body = NULL;
    /* Most acts are not it: they are not parsed. */
    if (!record->has_body ||
        !(says(record, "\"call\":{") || says(record, "\"what\":\"well") ||
          says(record, "\"kind\":\"agree\"") || says(record, "\"what\":\"handover")) ||
        json_parse(record->body, record->body_size, &body, NULL) != 0) {
        return 0;
    }
    if (record->header.kind == JOURNAL_INSTRUCTION) {
        duty_questions_take_answer(r->c, body);
    } else {
        take_body(r, body, record->header.wall);
    }
    json_decref(body);
    return 0;
}

static void damaged(void *ctx, uint64_t sequence, const char *why)
{
    const struct restoring *r = ctx;
    restore_note_damage(r->c, sequence, why);
}

static void tell(struct checkpointd *c, enum duty_well told)
{
    struct duty *d = &c->duty.duty;
    duty_restore_well(d, told, clock_mono(&clock_system));
    for (size_t i = 0; i < d->count; i++) {
        duty_alarm(c, d->calls[i].kind, d->calls[i].lane);
    }
    if (d->well >= DUTY_WELL_LEADER) {
        duty_raise(c, EVENT_DUTY_WELL_MISSED, 0, true, "");
    }
    duty_set_due(c);
}

int duty_restore(struct checkpointd *c, struct err_text *err)
{
    struct restoring r = {.c = c};
    struct journal_reader *reader = NULL;
    const struct journal_scan scan = {.kinds = JOURNAL_KIND_BIT(JOURNAL_ACT) |
                                               JOURNAL_KIND_BIT(JOURNAL_INSTRUCTION),
                                      .take = look_at,
                                      .damaged = damaged,
                                      .ctx = &r};
    int result = journal_reader_open(c->journal_dir, &reader, err);
    if (result == 0) {
        result = journal_reader_scan(reader, &scan, err);
    }
    journal_reader_close(reader);
    if (result == 0) {
        tell(c, r.told);
    }
    return result;
}
