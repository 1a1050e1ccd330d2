/* See picture_message.h. */
#include "gateway/model/picture_message.h"

#include <string.h>

const char *picture_kind_name(uint8_t kind)
{
    static const char *const names[] = {
        [PICTURE_SCENE] = "scene", [PICTURE_CROP] = "crop", [PICTURE_LATER] = "later"};
    return kind < sizeof(names) / sizeof(names[0]) ? names[kind] : NULL;
}

bool picture_is_trigger(const struct picture_about *about)
{
    return about->kind == PICTURE_SCENE || about->kind == PICTURE_CROP;
}

int picture_about_check(const struct picture_about *about, struct err_text *err)
{
    if (about->size == 0 || about->size > PICTURE_MAX)
        return err_set(err, ERR_INVALID, "size = %u: expected 1 to %d bytes", about->size,
                       PICTURE_MAX);
    if (about->event == 0)
        return err_set(err, ERR_INVALID, "event = 0: expected the camera's own, from 1");
    if (!picture_kind_name(about->kind))
        return err_set(err, ERR_INVALID, "kind = %u: expected 1 scene, 2 crop, 3 later",
                       about->kind);
    if (about->taken_ms < 0 || about->taken_ms > PICTURE_TIME_MAX_MS)
        return err_set(err, ERR_INVALID, "taken_ms = %lld: no time", (long long)about->taken_ms);
    return 0;
}

static int check_hit(const struct picture_hit *hit, struct err_text *err)
{
    if (hit->sequence == 0 || hit->sequence > INT64_MAX)
        return err_set(err, ERR_INVALID, "hit: no sequence");
    return 0;
}

static int check_events(int64_t time_ms, const struct hit_event *events, uint32_t count,
                        struct err_text *err)
{
    if (count == 0 || count > HIT_EVENTS_MAX)
        return err_set(err, ERR_INVALID, "count = %u: expected 1 to %d", count, HIT_EVENTS_MAX);
    for (uint32_t i = 0; i < count; i++)
        if (events[i].event == 0)
            return err_set(err, ERR_INVALID, "events[%u]: expected an event from 1", i);
    if (time_ms < 0 || time_ms > PICTURE_TIME_MAX_MS)
        return err_set(err, ERR_INVALID, "time_ms = %lld: no time", (long long)time_ms);
    return 0;
}

static int check_pin(const struct picture_message *m, struct err_text *err)
{
    int rc = check_events(m->u.pin.time_ms, m->u.pin.events, m->u.pin.count, err);
    if (rc == 0 && m->u.pin.in_turn > 1)
        rc = err_set(err, ERR_INVALID, "in_turn = %u: expected 0 or 1", m->u.pin.in_turn);
    return rc == 0 ? check_hit(&m->u.pin.hit, err) : rc;
}

/* The pictures behind the struct, whose length was checked. */
static int check_found(const struct picture_message *m, struct err_text *err)
{
    const uint8_t *bytes = (const uint8_t *)(m + 1);
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < m->u.found.count; i++) {
        struct picture_about about;
        memcpy(&about, bytes + i * sizeof(about), sizeof(about));
        rc = picture_about_check(&about, err);
    }
    return rc;
}

static int check_done(const struct picture_message *m, struct err_text *err)
{
    if (m->u.done.result < PICTURE_TAKEN || m->u.done.result > PICTURE_AGAIN)
        return err_set(err, ERR_INVALID, "result = %u: expected 1 to 3", m->u.done.result);
    int rc = picture_about_check(&m->u.done.about, err);
    return rc == 0 ? check_hit(&m->u.done.hit, err) : rc;
}

static int check_read(const struct picture_message *m, struct err_text *err)
{
    uint32_t size = m->u.read.size;
    if (size == 0 || size > PICTURE_DATA_MAX || m->u.read.offset >= PICTURE_MAX)
        return err_set(err, ERR_INVALID, "read of %u bytes at %u: expected 1 to %d below %d", size,
                       m->u.read.offset, PICTURE_DATA_MAX, PICTURE_MAX);
    return 0;
}

static int check_item(const struct picture_message *m, struct err_text *err)
{
    int rc = picture_about_check(&m->u.item.about, err);
    return rc == 0 ? check_hit(&m->u.item.hit, err) : rc;
}

static int check_answer(const struct picture_message *m, struct err_text *err)
{
    if (m->u.answer.rc > 0 || !memchr(m->u.answer.why, '\0', sizeof(m->u.answer.why)))
        return err_set(err, ERR_INVALID, "answer: expected a code and its text");
    return 0;
}

int picture_terms_check(const struct picture_terms *terms, struct err_text *err)
{
    if (terms->floor_days == 0 || terms->ceiling_days > PICTURE_DAYS_MAX ||
        terms->floor_days > terms->ceiling_days)
        return err_set(err, ERR_INVALID, "terms: %u to %u days: expected 1 to %d, rising",
                       terms->floor_days, terms->ceiling_days, PICTURE_DAYS_MAX);
    if (terms->version > INT64_MAX || terms->paused > 1)
        return err_set(err, ERR_INVALID, "terms: version or paused out of range");
    if (terms->held_from_ms < 0 || terms->held_from_ms > terms->held_until_ms ||
        terms->held_until_ms > PICTURE_TIME_MAX_MS)
        return err_set(err, ERR_INVALID, "terms: held from %lld until %lld: no time",
                       (long long)terms->held_from_ms, (long long)terms->held_until_ms);
    return 0;
}

/* Bytes follow the struct in PICTURE_DATA, pictures in PICTURE_FOUND, nothing in others. */
static int check_length(const struct picture_message *m, size_t size, struct err_text *err)
{
    size_t expected = sizeof(*m);
    if (m->type == PICTURE_DATA) {
        if (m->u.data.size == 0 || m->u.data.size > PICTURE_DATA_MAX ||
            m->u.data.offset >= PICTURE_MAX)
            return err_set(err, ERR_INVALID, "data: %u bytes at %u: expected 1 to %d below %d",
                           m->u.data.size, m->u.data.offset, PICTURE_DATA_MAX, PICTURE_MAX);
        expected += m->u.data.size;
    }
    if (m->type == PICTURE_FOUND) {
        if (m->u.found.count > PICTURES_FOUND_MAX)
            return err_set(err, ERR_INVALID, "found: %u pictures: expected 0 to %d",
                           m->u.found.count, PICTURES_FOUND_MAX);
        expected += m->u.found.count * sizeof(struct picture_about);
    }
    if (size != expected)
        return err_set(err, ERR_INVALID, "message of %zu bytes, expected %zu", size, expected);
    return 0;
}

int picture_message_check(const struct picture_message *message, size_t size, struct err_text *err)
{
    if (size < sizeof(*message))
        return err_set(err, ERR_INVALID, "message of %zu bytes, expected %zu", size,
                       sizeof(*message));
    if (message->version != PICTURE_MESSAGE_VERSION)
        return err_set(err, ERR_UNSUPPORTED, "version = %u: expected %d", message->version,
                       PICTURE_MESSAGE_VERSION);
    int rc = check_length(message, size, err);
    if (rc != 0)
        return rc;
    switch (message->type) {
    case PICTURE_PUT:
        return picture_about_check(&message->u.put, err);
    case PICTURE_PIN:
        return check_pin(message, err);
    case PICTURE_READ:
        return check_read(message, err);
    case PICTURE_DONE:
        return check_done(message, err);
    case PICTURE_ITEM:
        return check_item(message, err);
    case PICTURE_ANSWER:
        return check_answer(message, err);
    case PICTURE_TERMS:
        return picture_terms_check(&message->u.terms, err);
    case PICTURE_LOOK:
        return check_events(message->u.look.time_ms, message->u.look.events, message->u.look.count,
                            err);
    case PICTURE_FOUND:
        return check_found(message, err);
    case PICTURE_DATA:
    case PICTURE_NEXT:
        return 0;
    default:
        return err_set(err, ERR_INVALID, "type = %u: unknown", message->type);
    }
}
