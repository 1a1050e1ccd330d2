/*
 * A packet off the picture store's sockets: what passes the check stays within every bound that the
 * store relies on. A hit record's body comes the same way, from checkpointd.
 */
#include <assert.h>
#include <string.h>

#include "gateway/model/picture_message.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void check_about(const struct picture_about *about)
{
    assert(about->size >= 1 && about->size <= PICTURE_MAX && about->event > 0);
    assert(picture_kind_name(about->kind));
}

/* What the console and checkpointd copy out, each behind the struct. */
static void check_found(const struct picture_message *m)
{
    const unsigned char *bytes = (const unsigned char *)(m + 1);
    assert(m->u.found.count <= PICTURES_FOUND_MAX);
    for (uint32_t i = 0; i < m->u.found.count; i++) {
        struct picture_about about;
        memcpy(&about, bytes + i * sizeof(about), sizeof(about));
        check_about(&about);
        assert(about.taken_ms >= 0 && about.taken_ms <= PICTURE_TIME_MAX_MS);
    }
}

static void check_look(const struct picture_message *m)
{
    assert(m->u.look.count >= 1 && m->u.look.count <= HIT_EVENTS_MAX);
    assert(m->u.look.time_ms >= 0 && m->u.look.time_ms <= PICTURE_TIME_MAX_MS);
    for (uint32_t i = 0; i < m->u.look.count; i++)
        assert(m->u.look.events[i].event > 0);
}

static size_t behind(const struct picture_message *m)
{
    return m->type == PICTURE_DATA    ? m->u.data.size
           : m->type == PICTURE_FOUND ? m->u.found.count * sizeof(struct picture_about)
                                      : 0;
}

static void check_message(const struct picture_message *m, size_t size)
{
    assert(m->version == PICTURE_MESSAGE_VERSION);
    assert(size == sizeof(*m) + behind(m));
    if (m->type == PICTURE_PUT)
        check_about(&m->u.put);
    if (m->type == PICTURE_DONE)
        check_about(&m->u.done.about);
    if (m->type == PICTURE_ITEM)
        check_about(&m->u.item.about);
    if (m->type == PICTURE_PIN)
        assert(m->u.pin.count >= 1 && m->u.pin.count <= HIT_EVENTS_MAX);
    if (m->type == PICTURE_READ)
        assert(m->u.read.size >= 1 && m->u.read.size <= PICTURE_DATA_MAX);
    if (m->type == PICTURE_DATA)
        assert(m->u.data.size >= 1 && m->u.data.size <= PICTURE_DATA_MAX);
    if (m->type == PICTURE_TERMS)
        assert(m->u.terms.floor_days >= 1 && m->u.terms.floor_days <= m->u.terms.ceiling_days &&
               m->u.terms.ceiling_days <= PICTURE_DAYS_MAX);
    if (m->type == PICTURE_LOOK)
        check_look(m);
    if (m->type == PICTURE_FOUND)
        check_found(m);
    if (m->type == PICTURE_ANSWER)
        assert(strlen(m->u.answer.why) < PICTURE_WHY_SIZE);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    static _Alignas(8) unsigned char buffer[PICTURE_MESSAGE_SIZE_MAX + 1];
    struct hit_events events;
    struct err_text err = {""};
    size_t used = size < sizeof(buffer) ? size : sizeof(buffer);
    memset(buffer, 0, sizeof(struct picture_message));
    if (used > 0)
        memcpy(buffer, data, used);
    const struct picture_message *m = (const void *)buffer;
    if (picture_message_check(m, used, &err) == 0)
        check_message(m, used);
    else
        assert(err.text[0] != '\0');
    if (hit_events_read((const char *)data, size, &events) == 0) {
        assert(events.count <= HIT_EVENTS_MAX);
        for (size_t i = 0; i < events.count; i++)
            assert(events.events[i].event > 0 &&
                   hit_events_have(&events, events.events[i].camera, events.events[i].event));
    }
    return 0;
}
