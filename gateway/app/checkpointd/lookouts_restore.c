/*
 * What the journal says at a start of look-outs and of what officers looked up lately: those that
 * stand are looked out for again, the rule of seven days and the quotas go on. Read newest first,
 * so that the first word of a look-out is the one that counts. Main thread, before the lanes run.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/app/checkpointd/checkpointd.h"
#include "gateway/base/json.h"
#include "gateway/base/log.h"
#include "gateway/journal/reader.h"

enum {
    DAY_MS = 24 * 3600 * 1000,
    LOOKED_BACK_DAYS = LOOKOUT_AGAIN_DAYS + 1, /* what stands longer was said again meanwhile */
    CLOSED_MAX = 512,
    USES_RESTORED_MAX = QUOTA_USES_MAX / 2
};

struct restoring {
    struct checkpointd *c;
    struct wall_time newest; /* of the journal: known to have been */
    size_t uses;
    size_t closed_count;
    uint64_t closed[CLOSED_MAX]; /* look-outs of which a later word was read */
};

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

static uint64_t number_of(const json_t *object, const char *name)
{
    json_int_t value = json_integer_value(json_object_get(object, name));
    return value > 0 ? (uint64_t)value : 0;
}

/* ---- quotas ---- */

static void take_use(struct restoring *r, const struct journal_record *record, const json_t *body,
                     enum search_use kind)
{
    static const char officer[] = "officer:";
    struct quota_use use = {.at = record->header.wall, .kind = (int)kind};
    const char *actor = record->header.actor;
    if (strncmp(actor, officer, sizeof(officer) - 1) != 0 || r->uses == USES_RESTORED_MAX) {
        return;
    }
    use.about = kind == SEARCH_TIED ? number_of(body, "hit") : 0;
    snprintf(use.officer, sizeof(use.officer), "%s", actor + sizeof(officer) - 1);
    search_note_use(r->c, &use);
    r->uses++;
}

/* ---- look-outs ---- */

/* Whether this is the newest word of it. */
static bool is_first_word(struct restoring *r, uint64_t id)
{
    for (size_t i = 0; i < r->closed_count; i++) {
        if (r->closed[i] == id) {
            return false;
        }
    }
    if (r->closed_count < CLOSED_MAX) {
        r->closed[r->closed_count++] = id;
    }
    return true;
}

/* False: no look-out of this build. */
static bool read_lookout(const json_t *body, struct lookout *out)
{
    const char *plate = text_of(body, "plate");
    struct plate_text text;
    plate_encode(plate, strlen(plate), PLATE_DASH_AUTO, &text);
    size_t size = json_dumpb(json_object_get(body, "card"), out->text, sizeof(out->text) - 1,
                             JSON_COMPACT | JSON_SORT_KEYS);
    out->id = number_of(body, "lookout");
    out->key = text.key;
    out->text[size < sizeof(out->text) ? size : 0] = '\0';
    return out->id != 0 && text.kind == PLATE_KEY && out->text[0] != '\0' &&
           plate_class_parse(text_of(body, "class"), &out->class) == 0 &&
           wall_parse(text_of(body, "begun"), &out->begun) == 0 &&
           wall_parse(text_of(body, "until"), &out->until) == 0;
}

static void restore_row(struct lookout_desk *desk, const struct lookout *lookout)
{
    for (int i = 0; i < LOOKOUTS_MAX; i++) {
        if (desk->rows[i].lookout.id == 0) {
            desk->rows[i].lookout = *lookout;
            return;
        }
    }
}

static void take_lookout(struct restoring *r, const json_t *body, bool ended)
{
    struct lookout lookout = {.id = 0};
    struct lookout_desk *desk = &r->c->lookouts;
    if (!read_lookout(body, &lookout)) {
        return;
    }
    bool first = is_first_word(r, lookout.id);
    bool counts = lookout.begun.ms > r->newest.ms - (int64_t)LOOKOUT_AGAIN_DAYS * DAY_MS;
    if (counts && lookout_keys_ready(r->c, lookout.begun) == 0) {
        const struct lookout_recent recent = {lookout_digest(desk, lookout.key, lookout.begun), 0,
                                              lookout.class, lookout.begun};
        bool kept = lookout_remember(desk, &recent, r->newest);
        (void)kept; /* more than there can be were never begun */
    }
    desk->last_id = lookout.id > desk->last_id ? lookout.id : desk->last_id;
    /* The journal itself has seen its end: nobody has to trust a clock for that. */
    if (first && !ended && lookout.until.ms > r->newest.ms) {
        restore_row(desk, &lookout);
    }
}

static void take_recent(struct restoring *r, const json_t *body)
{
    const json_t *rows = json_object_get(body, "keyed");
    const struct lookout_desk *desk = &r->c->lookouts;
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        const char *digest = json_string_value(json_array_get(row, 0));
        const char *class = json_string_value(json_array_get(row, 1));
        struct wall_time begun = {json_integer_value(json_array_get(row, 2))};
        plate_class parsed;
        bool keyed = lookout_digest(desk, 0, begun) != 0; /* its key is here still */
        if (keyed && digest && class && plate_class_parse(class, &parsed) == 0) {
            const struct lookout_recent recent = {strtoull(digest, NULL, 16), 0, parsed, begun};
            bool kept = lookout_remember(&r->c->lookouts, &recent, r->newest);
            (void)kept; /* as above */
        }
    }
}

static void take_body(struct restoring *r, const struct journal_record *record, const json_t *body)
{
    const char *what = text_of(body, "what");
    if (strcmp(what, "search") == 0) {
        take_use(r, record, body, number_of(body, "hit") ? SEARCH_TIED : SEARCH_CHECK);
    } else if (strcmp(what, "history") == 0) {
        take_use(r, record, body, SEARCH_HISTORY);
    } else if (strcmp(what, "lookouts_recent") == 0) {
        take_recent(r, body);
    } else if (strncmp(what, "lookout", sizeof("lookout") - 1) == 0) {
        take_lookout(r, body, strcmp(what, "lookout_ended") == 0);
    }
}

static int take_record(void *ctx, const struct journal_record *record)
{
    json_t *body = NULL;
    if (json_parse(record->body, record->body_size, &body, NULL) == 0) {
        take_body(ctx, record, body);
        json_decref(body);
    }
    return 0;
}

static int read_acts(struct restoring *r, struct journal_reader *reader, struct err_text *err)
{
    const struct journal_span span = {
        JOURNAL_ACT, {r->newest.ms - (int64_t)LOOKED_BACK_DAYS * DAY_MS}, {INT64_MAX}};
    struct journal_place place = {.sequence = 0};
    for (;;) {
        size_t count = 0;
        int result = journal_reader_back(reader, &span, &place, JOURNAL_READ_MAX, take_record, r,
                                         &count, err);
        if (result == ERR_CORRUPT && place.sequence != 0) {
            restore_note_damage(r->c, place.sequence, err->text);
        } else if (result != 0 || count < JOURNAL_READ_MAX) {
            return result;
        }
    }
}

int lookouts_restore(struct checkpointd *c, struct err_text *err)
{
    struct restoring r = {.c = c};
    struct journal_reader *reader = NULL;
    struct journal_header newest;
    lookout_keys_load(c);
    int result = journal_reader_open(c->journal_dir, &reader, err);
    if (result == 0) {
        result = journal_reader_last(reader, &newest, err);
    }
    if (result == 0) {
        r.newest = newest.wall;
        result = read_acts(&r, reader, err);
    } else if (result == ERR_NOT_FOUND) {
        result = 0;
    }
    journal_reader_close(reader);
    size_t count = 0;
    for (int i = 0; result == 0 && i < LOOKOUTS_MAX; i++) {
        if (c->lookouts.rows[i].lookout.id != 0) {
            lookout_post(c, &c->lookouts.rows[i].lookout);
            count++;
        }
    }
    if (count > 0) {
        log_event(EVENT_LOOKOUTS_RESTORED, "count=%zu", count);
    }
    return result;
}
