/*
 * The picture store in words: checkpoint-camerad leaves how it is beside the sockets
 * (camerad.json), for its sockets are the camera programs' and the link's. Without the file this
 * box has none.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/app/checkpointctl/checkpointctl.h"
#include "gateway/base/clock.h"
#include "gateway/base/file.h"
#include "gateway/base/json.h"
#include "gateway/base/log.h"

enum { STATE_MAX = 4096, SILENT_MS = 60000 /* of the 10 s in which it says it anew */ };

static long long number_of(const json_t *object, const char *key)
{
    return (long long)json_integer_value(json_object_get(object, key));
}

json_t *ctl_pictures(const struct ctl *ctl)
{
    char path[256];
    uint8_t *text = NULL;
    size_t size = 0;
    json_t *state = NULL;
    struct err_text err;
    if (snprintf(path, sizeof(path), "%s/camerad.json", ctl->runtime_dir) >= (int)sizeof(path)) {
        return NULL;
    }
    int result = file_read(path, STATE_MAX, &text, &size, &err);
    if (result == ERR_NOT_FOUND) {
        return NULL;
    }
    if (result == 0) {
        result = json_parse((const char *)text, size, &state, &err);
    }
    free(text);
    return result == 0 ? state : json_pack("{s:s}", "unreadable", err.text);
}

static void describe_fault(const struct ctl *ctl, const json_t *fault, char *out, size_t size)
{
    char time[32];
    const char *detail = json_string_value(json_object_get(fault, "detail"));
    const struct log_event_def *event =
        log_event_find((enum log_event_id)number_of(fault, "number"));
    out[0] = '\0';
    if (event) {
        snprintf(out, size, ctl_say(ctl, "; last fault %s: %s — %s", "；最近故障 %s：%s — %s"),
                 ctl_time(json_string_value(json_object_get(fault, "time")), time),
                 ctl->zh ? event->text_zh : event->text_en, detail ? detail : "-");
    }
}

bool ctl_pictures_text(const struct ctl *ctl, const json_t *state, char *out, size_t size)
{
    const char *unreadable = json_string_value(json_object_get(state, "unreadable"));
    const json_t *fault = json_object_get(state, "fault");
    int64_t silent_ms =
        (clock_mono(&clock_system).ns - json_integer_value(json_object_get(state, "mono_ns"))) /
        1000000;
    char text[400];
    if (unreadable) {
        snprintf(out, size, "%s", unreadable);
        return false;
    }
    if (silent_ms > SILENT_MS) {
        snprintf(out, size,
                 ctl_say(ctl, "checkpoint-camerad silent for %lld s",
                         "checkpoint-camerad 已 %lld 秒无信号"),
                 (long long)(silent_ms / 1000));
        return false;
    }
    describe_fault(ctl, fault, text, sizeof(text));
    snprintf(out, size,
             ctl_say(ctl, "%lld held (%lld MiB), %lld wait for headquarters, %lld damaged%s",
                     "保存 %lld 张（%lld MiB），待上送 %lld，损坏 %lld%s"),
             number_of(state, "pictures"), number_of(state, "bytes") >> 20,
             number_of(state, "waiting"), number_of(state, "damaged"), text);
    return number_of(state, "damaged") == 0 && !json_is_true(json_object_get(fault, "stands"));
}
