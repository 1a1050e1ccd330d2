/*
 * `barrier test LANE`: a technician at the barrier is led through travel times, auto-close, pulse
 * and the interlock with a test body. checkpointd watches the inputs and writes down what safety
 * rule 7 asks for; the gateway raises, the technician lowers with the barrier's own key. Whatever
 * ends it, the lane stays out of service and the program says so.
 */
#include "gateway/app/checkpointctl/barrier.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_SIZE = 600, START_MS = 5000, LOOK_MS = 50, PULSE_SLACK_MS = 150 };

static long long number_of(const json_t *object, const char *key)
{
    return (long long)json_integer_value(json_object_get(object, key));
}

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

/* ---- asking ---- */

/* Enter goes on, s skips, q ends. STEP_…; otherwise *out_status is an exit status. */
static enum barrier_step ask(const struct barrier *b, const char *en, const char *zh,
                             int *out_status)
{
    char prompt[LINE_SIZE];
    char *line = NULL;
    snprintf(prompt, sizeof(prompt), "\n%s\n%s", ctl_say(b->ctl, en, zh),
             ctl_say(b->ctl, "[Enter] go on, s skip, q end: ", "[回车] 继续，s 跳过，q 结束："));
    *out_status = ctl_line_read(b->ctl, prompt, &line);
    if (*out_status == 0 && line && (line[0] == 'q' || line[0] == 'Q')) {
        *out_status = EXIT_INTERRUPTED;
    }
    bool skip = line && (line[0] == 's' || line[0] == 'S');
    free(line);
    return skip ? STEP_SKIPPED : STEP_DONE;
}

static int ask_yes(const struct barrier *b, const char *en, const char *zh, bool *out)
{
    char prompt[LINE_SIZE];
    snprintf(prompt, sizeof(prompt), "\n%s [y/n]: ", ctl_say(b->ctl, en, zh));
    for (;;) {
        char *line = NULL;
        int status = ctl_line_read(b->ctl, prompt, &line);
        char answer = '\0';
        if (line) {
            answer = line[0];
        }
        free(line);
        if (status != 0 || answer == 'q') {
            return status ? status : EXIT_INTERRUPTED;
        }
        if (answer == 'y' || answer == 'Y' || answer == 'n' || answer == 'N') {
            *out = answer == 'y' || answer == 'Y';
            return 0;
        }
    }
}

/* With --json standard output is for the result alone. */
static FILE *talk(const struct barrier *b)
{
    return b->ctl->json ? stderr : stdout;
}

static void say(const struct barrier *b, const char *en, const char *zh)
{
    fprintf(talk(b), "%s\n", ctl_say(b->ctl, en, zh));
    fflush(talk(b)); /* the technician looks at the barrier; a fault shows at the end */
}

static void say_ms(const struct barrier *b, const char *en, const char *zh, long long ms)
{
    char value[32];
    snprintf(value, sizeof(value), ctl_say(b->ctl, "%lld ms", "%lld 毫秒"), ms);
    fprintf(talk(b), "  %s: %s\n", ctl_say(b->ctl, en, zh),
            ms >= 0 ? value : ctl_say(b->ctl, "not seen", "未观察到"));
    fflush(talk(b)); /* as above */
}

static int act(struct barrier *b, const char *name)
{
    json_t *result = NULL;
    int status = ctl_ask(b->ctl, name, json_pack("{s:I}", "lane", (json_int_t)b->lane), &result);
    json_decref(result);
    return status;
}

/* ---- motions ---- */

static long long travel_ms(const struct barrier *b)
{
    return number_of(barrier_declared(b), "travel_ms");
}

/* When the raise contact was energised: by the watch's first scan already, as a rule, which began
 * with the order. */
static int await_contact(struct barrier *b, long long *out_ms)
{
    int status = 0;
    *out_ms = -1;
    for (int waited_ms = 0; status == 0 && waited_ms < START_MS; waited_ms += LOOK_MS) {
        status = barrier_look(b);
        *out_ms =
            barrier_was(b, "outputs", "raise") ? 0 : barrier_edge(b, "outputs", "raise", true, -1);
        if (status != 0 || *out_ms >= 0) {
            break;
        }
        status = ctl_pause(LOOK_MS);
    }
    return status;
}

/* Raises and measures: from the contact's edge to the upper limit. */
static int raise_boom(struct barrier *b, bool measure)
{
    long long on = -1;
    long long off = -1;
    long long open = -1;
    int status = act(b, "test_raise");
    if (status == 0) {
        status = await_contact(b, &on);
    }
    if (status == 0) {
        status = barrier_await(b, "inputs", "limit_open", true, -1, travel_ms(b) + START_MS, &open);
    }
    if (status == 0 && on >= 0 &&
        !json_is_true(json_object_get(barrier_declared(b), "raise_maintained"))) {
        status = barrier_await(b, "outputs", "raise", false, on, START_MS, &off);
    }
    if (status == 0 && measure) {
        b->up_ms = open >= 0 ? open - (on >= 0 ? on : 0) : BARRIER_NOT_MEASURED;
        b->pulse_ms = on >= 0 && off > on ? off - on : BARRIER_NOT_MEASURED;
        say_ms(b, "up", "抬杆用时", b->up_ms);
        say_ms(b, "raise contact energised, as read back", "抬杆触点通电（回读）", b->pulse_ms);
    }
    return status;
}

/* Tells the lane that the next closing is the technician's. Nobody is told to lower before the
 * watch has seen where the boom was. */
static int expect_hand(struct barrier *b)
{
    int status = act(b, "test_lower");
    for (int waited_ms = 0; status == 0 && waited_ms < START_MS; waited_ms += LOOK_MS) {
        status = barrier_look(b);
        if (status != 0 || barrier_began(b)) {
            break;
        }
        status = ctl_pause(LOOK_MS);
    }
    return status;
}

/* The technician lowers; from leaving the upper limit to reaching the lower one. */
static int lower_by_hand(struct barrier *b)
{
    long long closed = -1;
    int status = expect_hand(b);
    if (status != 0) {
        return status;
    }
    say(b, "Now: lower the boom with the barrier's own key or fob (60 s).",
        "现在：请用栏杆自带钥匙或遥控落杆（60 秒内）。");
    status = barrier_await(b, "inputs", "limit_closed", true, -1, BARRIER_HAND_MS, &closed);
    long long left = barrier_edge(b, "inputs", "limit_open", false, -1);
    if (status == 0) {
        b->down_ms = closed >= 0 && left >= 0 && closed > left ? closed - left : b->down_ms;
        say_ms(b, "down", "落杆用时", closed >= 0 && left >= 0 ? closed - left : -1);
    }
    return status;
}

/* ---- steps ---- */

static int step_down_first(struct barrier *b)
{
    int status = 0;
    if (barrier_input_now(b, "limit_closed") || !barrier_wired(b, "limit_closed")) {
        return 0;
    }
    enum barrier_step step =
        ask(b, "The boom is not down. Nobody under it? Lower it first with the barrier's own key.",
            "栏杆未在落下位置。确认杆下无人后，先用栏杆自带钥匙落杆。", &status);
    return status == 0 && step == STEP_DONE ? lower_by_hand(b) : status;
}

static int step_up(struct barrier *b)
{
    int status = 0;
    enum barrier_step step = ask(b, "1. Raise. Stand clear of the boom: it goes up at once.",
                                 "1. 抬杆。请远离栏杆：将立即抬起。", &status);
    return status == 0 && step == STEP_DONE ? raise_boom(b, true) : status;
}

/* From the boom being open, or the loop clear, to its leaving the upper limit. */
static int step_auto_close(struct barrier *b)
{
    const json_t *declared = barrier_declared(b);
    const char *kind = text_of(declared, "auto_close");
    long long left = -1;
    int status = 0;
    if (strcmp(kind, "none") == 0) {
        say(b, "\n2. Auto-close: the lane declares none.", "\n2. 自动落杆：该车道未声明。");
        return 0;
    }
    bool loop = strcmp(kind, "loop") == 0;
    enum barrier_step step =
        loop ? ask(b, "2. Auto-close by loop: cover the loop under the boom and clear it again.",
                   "2. 线圈自动落杆：遮盖并清空杆下线圈。", &status)
             : ask(b, "2. Auto-close by timer: stand clear, the boom comes down by itself.",
                   "2. 定时自动落杆：请远离，栏杆将自行落下。", &status);
    if (status != 0 || step != STEP_DONE) {
        return status;
    }
    long long wait_ms = loop ? BARRIER_HAND_MS : number_of(declared, "auto_close_ms") + START_MS;
    status = barrier_await(b, "inputs", "limit_open", false, -1, wait_ms, &left);
    if (status != 0) {
        return status;
    }
    long long from = barrier_edge(b, "inputs", "limit_open", true, -1);
    for (long long next = from; loop && next >= 0 && next < left;) {
        from = next;
        next = barrier_edge(b, "inputs", "presence", false, from);
    }
    b->auto_close_ms = left >= 0 && from >= 0 ? left - from : BARRIER_NOT_MEASURED;
    say_ms(b, "closes by itself after", "自动落杆延时", b->auto_close_ms);
    return left < 0 ? 0
                    : barrier_await(b, "inputs", "limit_closed", true, left,
                                    travel_ms(b) + START_MS, &left);
}

static int step_down(struct barrier *b)
{
    int status = 0;
    enum barrier_step step =
        ask(b,
            "3. Lower. Nobody under the boom? Have the barrier's own key ready; the boom goes up "
            "first if it is not.",
            "3. 落杆。确认杆下无人，备好栏杆自带钥匙；栏杆若未抬起将先抬起。", &status);
    if (status != 0 || step != STEP_DONE) {
        return status;
    }
    status = barrier_look(b);
    if (status == 0 && !barrier_input_now(b, "limit_open")) {
        status = raise_boom(b, false);
    }
    return status == 0 ? lower_by_hand(b) : status;
}

/* Until the body was met, the boom is down, or nobody lowered. */
static int await_body(struct barrier *b, long long *out_met)
{
    long long closed = -1;
    long long waited_ms = 0;
    int status = 0;
    *out_met = -1;
    while (status == 0 && *out_met < 0 && closed < 0 && waited_ms < BARRIER_HAND_MS) {
        status = barrier_await(b, "inputs", "obstacle", true, -1, 0, out_met);
        closed = barrier_edge(b, "inputs", "limit_closed", true, -1);
        status = status ? status : ctl_pause(100);
        waited_ms += 100;
    }
    return status;
}

static int judge_body(struct barrier *b)
{
    long long met = -1;
    int status = await_body(b, &met);
    if (status == 0) {
        status = ctl_pause(BARRIER_REST_MS); /* a boom that creeps on is seen */
    }
    if (status == 0) {
        status = barrier_look(b);
    }
    if (status != 0) {
        return status;
    }
    bool down = barrier_edge(b, "inputs", "limit_closed", true, -1) >= 0;
    say_ms(b, "obstacle seen after", "障碍信号出现于", met);
    b->shown = met >= 0 && !down;
    if (!b->shown) {
        say(b,
            down ? "  LOOK: the boom reached its lower limit."
                 : "  LOOK: the input obstacle did not become active.",
            down ? "  异常：栏杆落到了下限位。" : "  异常：障碍输入未动作。");
    }
    status =
        ask_yes(b, "Did the barrier's own hardware stop the boom at the test body, or reverse?",
                "栏杆自身的保护装置是否在触及测试物时停止或反向？", &b->stopped);
    b->tried = status == 0;
    b->stopped = b->stopped && b->shown;
    return status;
}

/* Rule 7: the hardware, not this program, stops a lower onto a person. */
static int step_interlock(struct barrier *b)
{
    int status = 0;
    enum barrier_step step =
        ask(b, "4. Interlock. Have a test body ready, never a person. The boom goes up first.",
            "4. 防砸联锁。请备好测试物，严禁用人。栏杆先抬起。", &status);
    if (status != 0 || step == STEP_SKIPPED) {
        return status;
    }
    status = barrier_look(b);
    if (status == 0 && !barrier_input_now(b, "limit_open")) {
        status = raise_boom(b, false);
    }
    if (status != 0) {
        return status;
    }
    step = ask(b,
               "Put the test body under the boom, where the boom or its sensor meets it half way "
               "down. Then lower with the barrier's own key (60 s).",
               "将测试物放在杆下，使栏杆或传感器在半程触及它；然后用栏杆自带钥匙落杆（60 秒内）。",
               &status);
    if (status != 0 || step == STEP_SKIPPED) {
        return status;
    }
    status = expect_hand(b);
    if (status == 0) {
        say(b, "Now: lower the boom onto the test body.", "现在：向测试物落杆。");
        status = judge_body(b);
    }
    return status;
}

/* ---- result ---- */

static void put_ms(json_t *args, const char *key, long long ms)
{
    if (ms >= 0) {
        json_object_set_new(args, key, json_integer((json_int_t)ms));
    }
}

static int record(struct barrier *b, json_t **out)
{
    json_t *args = json_pack("{s:I}", "lane", (json_int_t)b->lane);
    put_ms(args, "up_ms", b->up_ms);
    put_ms(args, "down_ms", b->down_ms);
    put_ms(args, "auto_close_ms", b->auto_close_ms);
    put_ms(args, "pulse_ms", b->pulse_ms);
    if (b->tried) {
        json_object_set_new(args, "stopped", json_boolean(b->stopped));
    }
    if (b->ctl->reason) {
        json_object_set_new(args, "reason", json_string(b->ctl->reason));
    }
    return ctl_ask(b->ctl, "guided_test", args, out);
}

/* Against what the configuration declares; a time that was not measured is no fault. */
static bool is_good(const struct barrier *b)
{
    const json_t *declared = barrier_declared(b);
    long long pulse_off = b->pulse_ms - number_of(declared, "pulse_ms");
    bool pulse_good =
        b->pulse_ms < 0 || (pulse_off <= PULSE_SLACK_MS && -pulse_off <= PULSE_SLACK_MS);
    return b->up_ms <= travel_ms(b) && b->down_ms <= travel_ms(b) && pulse_good &&
           b->auto_close_ms <= number_of(declared, "auto_close_ms") && (!b->tried || b->stopped);
}

static int add_row(const struct barrier *b, struct text_table *table, const char *name,
                   long long ms, long long declared_ms, bool good)
{
    char value[32] = "-";
    char declared[32];
    if (ms >= 0) {
        snprintf(value, sizeof(value), "%lld ms", ms);
    }
    snprintf(declared, sizeof(declared), "%lld ms", declared_ms);
    const char *cells[] = {
        name, ms < 0 ? "-" : ctl_say(b->ctl, good ? "good" : "LOOK", good ? "正常" : "异常"), value,
        declared};
    return text_table_add(table, cells);
}

static int print_table(const struct barrier *b)
{
    const struct ctl *ctl = b->ctl;
    const json_t *declared = barrier_declared(b);
    const char *titles[] = {ctl_say(ctl, "MEASURED", "项目"), ctl_say(ctl, "STATE", "状态"),
                            ctl_say(ctl, ">VALUE", ">实测"), ctl_say(ctl, ">DECLARED", ">配置")};
    struct text_table *table = NULL;
    long long pulse = number_of(declared, "pulse_ms");
    long long closes = number_of(declared, "auto_close_ms");
    long long off = b->pulse_ms > pulse ? b->pulse_ms - pulse : pulse - b->pulse_ms;
    int result = text_table_create(titles, 4, &table);
    if (result == 0) {
        result = add_row(b, table, ctl_say(ctl, "up", "抬杆"), b->up_ms, travel_ms(b),
                         b->up_ms <= travel_ms(b));
    }
    if (result == 0) {
        result = add_row(b, table, ctl_say(ctl, "down", "落杆"), b->down_ms, travel_ms(b),
                         b->down_ms <= travel_ms(b));
    }
    if (result == 0) {
        result = add_row(b, table, ctl_say(ctl, "raise pulse", "抬杆脉冲"), b->pulse_ms, pulse,
                         off <= PULSE_SLACK_MS);
    }
    if (result == 0) {
        result = add_row(b, table, ctl_say(ctl, "auto-close", "自动落杆"), b->auto_close_ms, closes,
                         b->auto_close_ms <= closes);
    }
    if (result == 0) {
        text_table_print(table, stdout, text_screen_columns(stdout));
    }
    text_table_destroy(table);
    return result == 0 ? 0 : ctl_fail(ctl, EXIT_RUN, "no_memory", "no memory", "内存不足");
}

static int finish(struct barrier *b)
{
    json_t *result = NULL;
    int status = record(b, &result);
    if (status == 0 && b->ctl->json) {
        ctl_print_json(result);
    } else if (status == 0) {
        putchar('\n');
        status = print_table(b);
        if (!b->tried) {
            say(b, "Interlock: not tried; what is on file of an earlier test stays.",
                "防砸联锁：未测试，此前的测试记录不变。");
        } else if (b->stopped) {
            say(b, "Interlock: the hardware stopped the boom. On record, good for 12 months.",
                "防砸联锁：硬件停止了落杆。已记录，12 个月内有效。");
        } else {
            say(b, "LOOK: interlock not shown. On record: this lane is not lowered automatically.",
                "异常：防砸联锁未通过。已记录：该车道不再自动落杆。");
        }
    }
    json_decref(result);
    return status != 0 ? status : is_good(b) ? EXIT_OK : EXIT_RUN;
}

/* ---- the whole ---- */

static int check_lane(struct barrier *b)
{
    char en[160];
    char zh[160];
    int status = barrier_look(b);
    if (status != 0) {
        return status;
    }
    if (!json_is_true(json_object_get(barrier_declared(b), "boom"))) {
        return ctl_fail(b->ctl, EXIT_REFUSED, "no_boom", "this lane has no boom", "该车道没有栏杆");
    }
    if (json_is_true(json_object_get(b->about, "out_of_service"))) {
        return 0;
    }
    snprintf(en, sizeof(en),
             "lane %lld is in service: take it out first: checkpointctl service out %lld",
             (long long)b->lane, (long long)b->lane);
    snprintf(zh, sizeof(zh), "车道 %lld 正在使用：请先停用：checkpointctl service out %lld",
             (long long)b->lane, (long long)b->lane);
    return ctl_fail(b->ctl, EXIT_REFUSED, "in_service", en, zh);
}

static int run_steps(struct barrier *b)
{
    static int (*const steps[])(struct barrier *) = {
        step_down_first, step_up, step_auto_close, step_down, step_interlock, finish};
    int status = 0;
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && status == 0; i++) {
        status = steps[i](b);
    }
    return status;
}

/* A boom that is under way is stopped: whoever interrupts has seen something. */
static void stop_safely(struct barrier *b)
{
    json_t *answer = NULL;
    int asked =
        ctl_call(b->ctl, "test_stop", json_pack("{s:I}", "lane", (json_int_t)b->lane), &answer);
    (void)asked; /* it has told its error; the lane is out of service whatever became of it */
    json_decref(answer);
}

static void say_stays_out(const struct barrier *b, int status)
{
    if (status == EXIT_INTERRUPTED) {
        fprintf(stderr, "%s\n",
                ctl_say(b->ctl,
                        "\nEnded before its end; a moving boom was stopped, "
                        "nothing is on record.",
                        "\n测试提前结束；运动中的栏杆已停止，结果未记录。"));
    }
    fprintf(stderr,
            ctl_say(b->ctl,
                    "Lane %lld stays OUT OF SERVICE. Take the test body away, acknowledge its "
                    "alarms, then: checkpointctl service in %lld\n",
                    "车道 %lld 仍处于停用状态。请移走测试物、确认告警，然后：checkpointctl "
                    "service in %lld\n"),
            (long long)b->lane, (long long)b->lane);
}

int ctl_barrier_test(struct ctl *ctl)
{
    struct barrier b = {.ctl = ctl,
                        .up_ms = BARRIER_NOT_MEASURED,
                        .down_ms = BARRIER_NOT_MEASURED,
                        .auto_close_ms = BARRIER_NOT_MEASURED,
                        .pulse_ms = BARRIER_NOT_MEASURED};
    sigset_t before;
    if (!ctl_has_terminal()) {
        return ctl_fail(ctl, EXIT_USAGE, "no_terminal",
                        "the test is guided: run it at a terminal, beside the barrier",
                        "本测试需要引导：请在栏杆旁的终端上运行");
    }
    int status = ctl_number_operand(ctl, "lane", "车道", &b.lane);
    status = status ? status : check_lane(&b);
    status = status ? status : ctl_reason_ask(ctl);
    if (status == 0) {
        ctl_signals_block(&before);
        status = run_steps(&b);
        if (status == EXIT_INTERRUPTED) {
            stop_safely(&b);
        }
        say_stays_out(&b, status);
        (void)sigprocmask(SIG_SETMASK, &before, NULL); /* as above */
    }
    json_decref(b.about);
    return status;
}
