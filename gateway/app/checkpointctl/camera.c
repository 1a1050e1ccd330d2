/*
 * A camera tried: triggered where it can be, then waited for until a read of it comes the whole way
 * through checkpoint-matchd; its heartbeat and clock beside it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/app/checkpointctl/checkpointctl.h"
#include "gateway/base/clock.h"

enum { READ_WAIT_S = 30, TEXT_SIZE = 256, PATH_SIZE = 256, MS_PER_S = 1000 };

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static int subscribe(struct ctl *ctl, struct control_client **out)
{
    char path[PATH_SIZE];
    struct err_text err;
    json_t *answer = NULL;
    int result = snprintf(path, sizeof(path), "%s/events", ctl->runtime_dir) < (int)sizeof(path)
                     ? control_client_open(path, out, &err)
                     : err_set(&err, ERR_INVALID, "--runtime-dir: path too long");
    if (result != 0) {
        return ctl_fail_err(ctl, EXIT_UNAVAILABLE, result, &err);
    }
    json_t *request = json_pack("{s:s,s:s}", "do", "subscribe", "token", ctl->token);
    result = control_client_send(*out, request, CONTROL_CLIENT_WAIT_MS, &err);
    if (result == 0) {
        result = control_client_receive(*out, CONTROL_CLIENT_WAIT_MS, &answer, &err);
    }
    json_decref(request);
    if (result != 0) {
        return ctl_fail_err(ctl, EXIT_UNAVAILABLE, result, &err);
    }
    json_t *ignored = NULL;
    int status = ctl_result(ctl, answer, &ignored); /* it has no result: NULL */
    json_decref(ignored);
    return status;
}

/* The next read of the camera; a new reference, NULL when none came in time. */
static int wait_for_read(struct ctl *ctl, struct control_client *client, int64_t camera,
                         json_t **out)
{
    int64_t wait_s = ctl->wait_s ? ctl->wait_s : READ_WAIT_S;
    struct mono_time end = mono_add_ms(clock_mono(&clock_system), wait_s * MS_PER_S);
    for (;;) {
        struct err_text err;
        json_t *event = NULL;
        int64_t left_ms = mono_diff_ms(end, clock_mono(&clock_system));
        int result =
            left_ms > 0 ? control_client_receive(client, (int)left_ms, &event, &err) : ERR_TIMEOUT;
        if (result == ERR_TIMEOUT) {
            return 0;
        }
        if (result != 0) {
            return ctl_fail_err(ctl, EXIT_UNAVAILABLE, result, &err);
        }
        const json_t *read = json_object_get(event, "read");
        const char *name = text_of(event, "event");
        bool is_it = name && strcmp(name, "read") == 0 &&
                     json_integer_value(json_object_get(read, "camera")) == camera;
        *out = is_it ? json_incref(json_object_get(event, "read")) : NULL;
        json_decref(event);
        if (is_it) {
            return 0;
        }
    }
}

/* What checkpointd knows of it, for one on a wire; new reference. */
static int find_state(struct ctl *ctl, int64_t camera, json_t **out)
{
    json_t *status = NULL;
    int result = ctl_ask(ctl, "status", NULL, &status);
    const json_t *cameras = json_object_get(status, "cameras");
    for (size_t i = 0; result == 0 && i < json_array_size(cameras); i++) {
        json_t *row = json_array_get(cameras, i);
        if (json_integer_value(json_object_get(row, "camera")) == camera) {
            *out = json_incref(row);
        }
    }
    json_decref(status);
    return result;
}

/* ---- what is said of it ---- */

/* Of a camera without a clock answer of its own: what its read says against when it came. */
static bool offset_of_read(const json_t *read, long long *out_ms)
{
    struct wall_time camera;
    struct wall_time here;
    const char *camera_time = text_of(read, "camera_time");
    const char *time = text_of(read, "time");
    if (!camera_time || !time || wall_parse(camera_time, &camera) != 0 ||
        wall_parse(time, &here) != 0) {
        return false;
    }
    *out_ms = (long long)(camera.ms - here.ms);
    return true;
}

static const char *trigger_text(const struct ctl *ctl, const char *trigger)
{
    if (strcmp(trigger, "asked") == 0 || strcmp(trigger, "waiting") == 0) {
        return ctl_say(ctl, "asked", "已触发");
    }
    return strcmp(trigger, "none") == 0
               ? ctl_say(ctl, "it has none: hold a plate into its view",
                         "无触发：请将车牌置于视野内")
               : ctl_say(ctl, "on the camera network: hold a plate into its view",
                         "网络摄像机：请将车牌置于视野内");
}

static void print_read(const struct ctl *ctl, const json_t *read)
{
    const char *plate = text_of(read, "plate");
    const json_t *confidence = json_object_get(read, "confidence");
    char sure[32] = "";
    if (!read) {
        printf("%s\n", ctl_say(ctl, "LOOK  read: none came", "异常  读牌：未收到"));
        return;
    }
    if (json_is_integer(confidence)) {
        snprintf(sure, sizeof(sure), ", %lld %%", (long long)json_integer_value(confidence));
    }
    printf(ctl_say(ctl, "good  read: %s%s\n", "正常  读牌：%s%s\n"),
           plate ? plate : ctl_word(ctl, text_of(read, "kind")), sure);
}

static void print_heartbeat(const struct ctl *ctl, const json_t *state)
{
    const json_t *silent = json_object_get(state, "silent_ms");
    bool contact = json_is_true(json_object_get(state, "contact"));
    if (!state) {
        return; /* on the network: its reads are all that is heard of it */
    }
    if (!json_is_integer(silent)) {
        printf("%s\n", ctl_say(ctl, "LOOK  heartbeat: it was never heard; supply, line, address",
                               "异常  心跳：从未收到；检查供电、线路和地址"));
        return;
    }
    printf(ctl_say(ctl, "%s  heartbeat: heard %lld ms ago\n", "%s  心跳：%lld 毫秒前\n"),
           contact ? ctl_say(ctl, "good", "正常") : ctl_say(ctl, "LOOK", "异常"),
           (long long)json_integer_value(silent));
}

static void print_clock(const struct ctl *ctl, const json_t *state, const json_t *read)
{
    const json_t *offset = json_object_get(state, "clock_offset_ms");
    long long ms = (long long)json_integer_value(offset);
    if (json_is_integer(offset) || (read && offset_of_read(read, &ms))) {
        printf(ctl_say(ctl, "good  clock: %lld ms against ours\n",
                       "正常  时钟：与本机相差 %lld 毫秒\n"),
               ms);
    } else {
        printf("%s\n", ctl_say(ctl, "      clock: the camera does not say its time",
                               "      时钟：该摄像机不报告时间"));
    }
}

static void print_result(const struct ctl *ctl, int64_t camera, const char *trigger,
                         const json_t *state, const json_t *read)
{
    long long ms = 0;
    if (ctl->json) {
        json_t *offset = json_object_get(state, "clock_offset_ms");
        json_t *whole =
            json_pack("{s:I,s:s,s:O?,s:O?,s:o}", "camera", (json_int_t)camera, "trigger", trigger,
                      "state", state, "read", read, "clock_offset_ms",
                      json_is_integer(offset)             ? json_incref(offset)
                      : read && offset_of_read(read, &ms) ? json_integer((json_int_t)ms)
                                                          : json_null());
        ctl_print_json(whole);
        json_decref(whole);
        return;
    }
    print_read(ctl, read);
    print_heartbeat(ctl, state);
    print_clock(ctl, state, read);
}

int ctl_camera_test(struct ctl *ctl)
{
    int64_t camera = 0;
    struct control_client *client = NULL;
    json_t *asked = NULL;
    json_t *state = NULL;
    json_t *read = NULL;
    int status = ctl_number_operand(ctl, "camera", "摄像机", &camera);
    if (status == 0) {
        status = subscribe(ctl, &client); /* before the trigger: no read is missed */
    }
    if (status == 0) {
        status = ctl_ask(ctl, "camera_trigger", json_pack("{s:I}", "camera", (json_int_t)camera),
                         &asked);
    }
    if (status == 0) {
        if (!ctl->json) {
            printf(ctl_say(ctl, "Camera %lld, trigger: %s\n", "摄像机 %lld，触发：%s\n"),
                   (long long)camera, trigger_text(ctl, text_of(asked, "trigger")));
            fflush(stdout); /* who stands at the camera waits for it; a fault shows at the end */
        }
        status = wait_for_read(ctl, client, camera, &read);
    }
    if (status == 0) {
        status = find_state(ctl, camera, &state);
    }
    if (status == 0) {
        print_result(ctl, camera, text_of(asked, "trigger"), state, read);
        bool alive = !state || json_is_true(json_object_get(state, "contact"));
        status = read && alive ? EXIT_OK : EXIT_RUN;
    }
    json_decref(asked);
    json_decref(state);
    json_decref(read);
    control_client_close(client);
    return status;
}
