/* See capture_counters.h. */
#include "gateway/app/capture_counters.h"

#include <stdio.h>

static const char *frame_name(int cause)
{
    return frame_cause_name((enum frame_cause)cause);
}

static const char *compact_name(int cause)
{
    return compact_cause_name((enum compact_cause)cause);
}

static const char *json_name(int cause)
{
    return json_cause_name((enum json_cause)cause);
}

static const char *camera_name(int cause)
{
    return camera_cause_name((enum camera_cause)cause);
}

static void name_into(char out[MATCH_COUNTER_NAME_SIZE], const char *stage, const char *name)
{
    snprintf(out, MATCH_COUNTER_NAME_SIZE, "%s%s%s", stage, stage[0] ? "_" : "", name);
}

static void put(struct match_counter *out, const char *stage, const char *name, uint64_t value)
{
    name_into(out->name, stage, name);
    out->value = value;
}

/* Row 0 of a stage is what passed it: the next stage counts that again. */
static size_t put_causes(struct match_counter *out, const char *stage, const uint64_t *values,
                         int count, const char *(*name)(int cause))
{
    for (int cause = 1; cause < count; cause++) {
        put(&out[cause - 1], stage, name(cause), values[cause]);
    }
    return (size_t)count - 1;
}

size_t capture_counters_fill(const struct receiver_stats *s, struct match_counter *out)
{
    size_t at = 0;
    put(&out[at++], "", "frames", s->frames);
    put(&out[at++], "", "frames_with_read", s->reads);
    put(&out[at++], "", "values_ignored", s->values_ignored);
    at += put_causes(&out[at], "frame", s->frame, FRAME_CAUSE_COUNT, frame_name);
    at += put_causes(&out[at], "compact", s->compact, COMPACT_CAUSE_COUNT, compact_name);
    at += put_causes(&out[at], "json", s->json, JSON_CAUSE_COUNT, json_name);
    at += put_causes(&out[at], "camera", s->camera, CAMERA_CAUSE_COUNT, camera_name);
    return at;
}

void capture_refusal_name(const struct refusal *refusal, char out[MATCH_COUNTER_NAME_SIZE])
{
    switch (refusal->stage) {
    case REFUSAL_FRAME:
        name_into(out, "frame", frame_name(refusal->cause));
        break;
    case REFUSAL_COMPACT:
        name_into(out, "compact", compact_name(refusal->cause));
        break;
    case REFUSAL_JSON:
        name_into(out, "json", json_name(refusal->cause));
        break;
    case REFUSAL_CAMERA:
        name_into(out, "camera", camera_name(refusal->cause));
        break;
    }
}
