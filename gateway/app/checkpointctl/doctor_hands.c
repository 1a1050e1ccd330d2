/*
 * Inputs operated by hand: somebody at the lane covers a loop, opens a door, turns a key, and the
 * program says whether checkpointd saw it. Each can be skipped. What the lane makes of the change
 * while it is in service is the lane's.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/app/checkpointctl/doctor.h"
#include "gateway/base/clock.h"

enum { HAND_WAIT_S = 30, LOOK_MS = 50, PROMPT_SIZE = 400, MS_PER_S = 1000 };

/* Whether the input is active now, by the lane's debounced status. An exit status. */
static int look(struct doctor *d, long long lane, const char *input, bool *out)
{
    json_t *about = NULL;
    int status =
        ctl_ask(d->ctl, "test_watch", json_pack("{s:I}", "lane", (json_int_t)lane), &about);
    const json_t *inputs = json_object_get(about, "inputs");
    bool active = false;
    for (size_t i = 0; i < json_array_size(inputs); i++) {
        active = active || strcmp(json_string_value(json_array_get(inputs, i)), input) == 0;
    }
    json_decref(about);
    if (status == 0) {
        *out = active;
    }
    return status;
}

static int await_change(struct doctor *d, long long lane, const char *input, bool before,
                        bool *out_changed)
{
    int64_t wait_s = d->ctl->wait_s ? d->ctl->wait_s : HAND_WAIT_S;
    struct mono_time end = mono_add_ms(clock_mono(&clock_system), wait_s * MS_PER_S);
    *out_changed = false;
    while (mono_before(clock_mono(&clock_system), end)) {
        bool now = before;
        int status = look(d, lane, input, &now);
        if (status == 0) {
            status = now != before ? 0 : ctl_pause(LOOK_MS);
        }
        if (status != 0 || now != before) {
            *out_changed = status == 0;
            return status;
        }
    }
    return 0;
}

static void add_seen(struct doctor *d, const char *part, bool seen)
{
    const struct ctl *ctl = d->ctl;
    doctor_add(d, "input", part, seen,
               seen ? ctl_say(ctl, "change seen", "已检测到变化")
                    : ctl_say(ctl, "no change seen in time", "未在时限内检测到变化"),
               ctl_say(ctl,
                       "its wiring, its channel and polarity in checkpointd.yaml; 'bus read' shows "
                       "the module's own view",
                       "检查接线及 checkpointd.yaml 中的通道和极性；可用 bus read 查看模块读数"));
}

/* Enter waits for the change, s skips, q ends them all. */
static int try_input(struct doctor *d, long long lane, const char *input, bool *io_more)
{
    const struct ctl *ctl = d->ctl;
    char prompt[PROMPT_SIZE];
    char part[DOCTOR_TEXT_SIZE];
    char *line = NULL;
    bool before = false;
    bool changed = false;
    snprintf(part, sizeof(part), ctl_say(ctl, "lane %lld: %s", "车道 %lld：%s"), lane,
             ctl_word(ctl, input));
    snprintf(prompt, sizeof(prompt),
             ctl_say(ctl,
                     "Operate %s of lane %lld: [Enter], then do it within %d s; s skip, q end: ",
                     "请操作 %s（车道 %lld）：按[回车]后在 %d 秒内操作；s 跳过，q 结束："),
             ctl_word(ctl, input), lane, (int)(ctl->wait_s ? ctl->wait_s : HAND_WAIT_S));
    if (strcmp(input, "fire_raise") == 0) {
        fprintf(stderr, "%s\n",
                ctl_say(ctl,
                        "fire_raise raises the boom at once, also out of service: stand clear.",
                        "fire_raise 会立即抬杆，停用时也一样：请远离栏杆。"));
    }
    int status = look(d, lane, input, &before);
    if (status == 0) {
        status = ctl_line_read(ctl, prompt, &line);
    }
    char answer = '\0';
    if (line) {
        answer = line[0];
    }
    free(line);
    *io_more = status == 0 && answer != 'q';
    if (status != 0 || answer == 's' || answer == 'q') {
        return status;
    }
    fprintf(stderr, "  %s\n", ctl_say(ctl, "now …", "请操作……"));
    status = await_change(d, lane, input, before, &changed);
    if (status == 0) {
        fprintf(stderr, "  %s\n",
                changed ? ctl_say(ctl, "seen", "已检测到") : ctl_say(ctl, "NOT seen", "未检测到"));
        add_seen(d, part, changed);
    }
    return status;
}

static int try_lane(struct doctor *d, long long lane, bool *io_more)
{
    const struct ctl *ctl = d->ctl;
    json_t *about = NULL;
    int status =
        ctl_ask(d->ctl, "test_watch", json_pack("{s:I}", "lane", (json_int_t)lane), &about);
    const json_t *inputs = json_object_get(json_object_get(about, "declared"), "inputs");
    if (status == 0 && !json_is_true(json_object_get(about, "out_of_service"))) {
        fprintf(stderr,
                ctl_say(ctl, "\nLane %lld is in service: what you operate raises its alarms.\n",
                        "\n车道 %lld 正在使用：操作输入会触发其告警。\n"),
                lane);
    }
    for (size_t i = 0; status == 0 && *io_more && i < json_array_size(inputs); i++) {
        status = try_input(d, lane, json_string_value(json_array_get(inputs, i)), io_more);
    }
    json_decref(about);
    return status;
}

int doctor_hands(struct doctor *d)
{
    const json_t *lanes = json_object_get(d->status, "lanes");
    sigset_t before;
    bool more = true;
    int status = 0;
    ctl_signals_block(&before);
    for (size_t i = 0; status == 0 && more && i < json_array_size(lanes); i++) {
        const json_t *lane = json_object_get(json_array_get(lanes, i), "lane");
        status = try_lane(d, (long long)json_integer_value(lane), &more);
    }
    (void)sigprocmask(SIG_SETMASK, &before, NULL); /* cannot fail with these arguments */
    return status;
}
