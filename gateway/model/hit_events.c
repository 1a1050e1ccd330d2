/* See hit_events.h. */
#include "gateway/model/hit_events.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/json.h"
#include "gateway/model/plate_read.h"

int hit_event_parse(const char *text, uint64_t *out)
{
    char *end = NULL;
    if (!text || text[0] < '1' || text[0] > '9' || strlen(text) > 20)
        return ERR_INVALID;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno != 0 || *end != '\0')
        return ERR_INVALID;
    *out = value;
    return 0;
}

bool hit_events_have(const struct hit_events *events, uint16_t camera, uint64_t event)
{
    for (size_t i = 0; i < events->count; i++)
        if (events->events[i].camera == camera && events->events[i].event == event)
            return true;
    return false;
}

static void add(struct hit_events *to, const json_t *read, const char *name)
{
    const json_t *camera = json_object_get(read, "camera");
    uint64_t event = 0;
    if (!json_is_integer(camera) || json_integer_value(camera) < 0 ||
        json_integer_value(camera) > CAMERA_ID_MAX || to->count == HIT_EVENTS_MAX ||
        hit_event_parse(json_string_value(json_object_get(read, name)), &event) != 0)
        return;
    uint16_t id = (uint16_t)json_integer_value(camera);
    if (!hit_events_have(to, id, event))
        to->events[to->count++] = (struct hit_event){id, event};
}

int hit_events_read(const char *body, size_t size, struct hit_events *out)
{
    struct hit_events found = {0};
    json_t *object = NULL;
    const json_t *read;
    size_t i;
    if (json_parse(body, size, &object, NULL) != 0)
        return ERR_INVALID;
    const json_t *first = json_object_get(object, "read");
    const char *time = json_string_value(json_object_get(first, "time"));
    if (!json_is_object(first) || (time && wall_parse(time, &found.time) != 0)) {
        json_decref(object);
        return ERR_INVALID;
    }
    add(&found, first, "event_id");
    json_array_foreach(json_object_get(object, "reads"), i, read)
    {
        add(&found, read, "event_id");
        add(&found, read, "last_event_id");
    }
    json_decref(object);
    *out = found;
    return 0;
}
