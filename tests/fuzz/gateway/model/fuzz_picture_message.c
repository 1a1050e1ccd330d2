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

static void check_message(const struct picture_message *m, size_t size)
{
    assert(m->version == PICTURE_MESSAGE_VERSION);
    assert(size == sizeof(*m) + (m->type == PICTURE_DATA ? m->u.data.size : 0));
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
