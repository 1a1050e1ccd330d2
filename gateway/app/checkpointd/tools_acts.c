/*
 * Technicians' acts: a bus asked, a barrier tried, a camera triggered. What they may not do is
 * refused here with its reason: a write while a lane is in service, a write that would move a boom,
 * a guided test that the inputs do not show. Control thread.
 */
#include <stdio.h>
#include <string.h>

#include "gateway/app/checkpointd/checkpointd.h"

enum { TCP_UNIT_ANY = 255, WORD_MAX = 65535, TRAVEL_MAX_MS = 120000 };

static void refuse(struct control *control, const struct control_call *call, const char *code,
                   const char *en, const char *zh)
{
    control_refuse(control, call->ticket, code, en, zh);
}

/* ---- arguments ---- */

/* A whole number from `min` to `max`; false: refused. */
static bool take_number(struct control *control, const struct control_call *call, const char *key,
                        json_int_t min, json_int_t max, json_int_t *out)
{
    const json_t *value = json_object_get(call->args, key);
    char en[96];
    char zh[96];
    *out = json_integer_value(value);
    if (json_is_integer(value) && *out >= min && *out <= max) {
        return true;
    }
    (void)snprintf(en, sizeof(en), "%s: expected a number from %lld to %lld", key, (long long)min,
                   (long long)max);
    (void)snprintf(zh, sizeof(zh), "%s：应为 %lld 到 %lld 之间的数字", key, (long long)min,
                   (long long)max);
    refuse(control, call, "invalid", en, zh);
    return false;
}

/* The names that the configuration has; `out` has room for what fits. */
static void list_buses(const struct checkpointd *c, char *out, size_t size)
{
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < c->config.bus_count && used < size; i++) {
        used += (size_t)snprintf(out + used, size - used, "%s%s", i > 0 ? ", " : "",
                                 c->config.buses[i].name);
    }
}

/* The bus that the call names; false: refused. */
static bool take_bus(const struct checkpointd *c, struct control *control,
                     const struct control_call *call, size_t *out)
{
    const char *name = json_string_value(json_object_get(call->args, "bus"));
    int bus = name ? checkpointd_bus_index(&c->config, name) : -1;
    char names[160];
    char en[256];
    char zh[256];
    if (bus >= 0) {
        *out = (size_t)bus;
        return true;
    }
    list_buses(c, names, sizeof(names));
    (void)snprintf(en, sizeof(en), "bus '%.32s': no such bus, expected one of %s", name ? name : "",
                   names);
    (void)snprintf(zh, sizeof(zh), "总线“%.32s”不存在，应为：%s", name ? name : "", names);
    refuse(control, call, "not_found", en, zh);
    return false;
}

static bool take_unit(const struct checkpointd *c, struct control *control,
                      const struct control_call *call, const char *key, size_t bus, json_int_t *out)
{
    const json_t *value = json_object_get(call->args, key);
    if (c->config.buses[bus].kind == BUS_MODBUS_TCP && json_integer_value(value) == TCP_UNIT_ANY) {
        *out = TCP_UNIT_ANY;
        return true;
    }
    return take_number(control, call, key, 1, UNIT_LAST, out);
}

static void begin_job(const struct control_call *call, enum tool_kind kind, size_t bus,
                      const char *reason, struct tool_job *out)
{
    *out =
        (struct tool_job){.kind = kind, .bus = bus, .ticket = call->ticket, .actor = call->actor};
    (void)snprintf(out->reason, sizeof(out->reason), "%s", reason);
}

/* ---- buses ---- */

void tool_act_bus_scan(void *ctx, struct control *control, const struct control_call *call)
{
    struct checkpointd *c = ctx;
    struct tool_job job;
    json_int_t from = 0;
    json_int_t to = 0;
    size_t bus = 0;
    if (!take_bus(c, control, call, &bus) ||
        !take_number(control, call, "from", 1, UNIT_LAST, &from) ||
        !take_number(control, call, "to", from,
                     from + TOOL_SCAN_UNITS_MAX - 1 < UNIT_LAST ? from + TOOL_SCAN_UNITS_MAX - 1
                                                                : UNIT_LAST,
                     &to)) {
        return;
    }
    begin_job(call, TOOL_SCAN, bus, "", &job);
    job.from = (uint8_t)from;
    job.to = (uint8_t)to;
    tools_submit(c, &job);
}

/* Technicians see no plates: they read the modules that the lanes name. What else answers on a bus
 * may be a camera. */
static bool may_read(const struct checkpointd *c, const struct control_actor *actor, size_t bus,
                     json_int_t unit)
{
    for (size_t i = 0; i < c->config.lane_count; i++) {
        const struct config_lane *lane = &c->config.lanes[i];
        for (size_t d = 0; d < lane->device_count; d++) {
            if (lane->devices[d].unit == unit &&
                strcmp(lane->bus, c->config.buses[bus].name) == 0) {
                return true;
            }
        }
    }
    return actor->role != OFFICER_ROLE_TECHNICIAN;
}

/* Registers of a camera show plates: who looked at what is on record. */
static bool record_read(struct checkpointd *c, const struct tool_job *job)
{
    static struct fact fact; /* control thread */
    acts_begin_fact(c, &fact, &job->actor, FACT_ACT, job->reason);
    (void)snprintf(fact.u.act.act, sizeof(fact.u.act.act), "bus_read");
    (void)snprintf(fact.u.act.detail, sizeof(fact.u.act.detail),
                   "%s unit %u function %u address %u count %u", c->config.buses[job->bus].name,
                   job->request.unit, job->request.function, job->request.address,
                   job->request.count);
    if (recorder_push(c, &fact) != 0) {
        return false;
    }
    publish_push(c, &fact);
    return true;
}

void tool_act_bus_read(void *ctx, struct control *control, const struct control_call *call)
{
    struct checkpointd *c = ctx;
    struct tool_job job;
    json_int_t unit = 0, function = 0, address = 0, count = 0;
    size_t bus = 0;
    const char *reason = acts_reason(control, call, false);
    if (!reason || !take_bus(c, control, call, &bus) ||
        !take_unit(c, control, call, "unit", bus, &unit) ||
        !take_number(control, call, "function", MODBUS_READ_COILS, MODBUS_READ_INPUT, &function) ||
        !take_number(control, call, "address", 0, WORD_MAX, &address) ||
        !take_number(control, call, "count", 1, MODBUS_REGISTERS_MAX, &count)) {
        return;
    }
    if (!may_read(c, &call->actor, bus, unit)) {
        refuse(control, call, "denied",
               "unit: technicians read the lanes' modules; this one may be a camera, whose "
               "registers show plates",
               "站号：技术人员只能读取车道模块；该站号可能是摄像机，其寄存器含车牌");
        return;
    }
    begin_job(call, TOOL_READ, bus, reason, &job);
    job.request = (struct bus_request){.unit = (uint8_t)unit,
                                       .function = (uint8_t)function,
                                       .address = (uint16_t)address,
                                       .count = (uint16_t)count};
    if (!record_read(c, &job)) {
        refuse(control, call, "journal", "the journal cannot record it now", "日志当前无法写入");
        return;
    }
    tools_submit(c, &job);
}

/* A module on TCP may answer for every unit. The worst over those it may be. */
static enum modbus_io_reach reach_of(const struct checkpointd *c, size_t bus, uint8_t unit,
                                     bool coil, uint16_t address)
{
    bool any_unit = c->config.buses[bus].kind == BUS_MODBUS_TCP;
    enum modbus_io_reach worst = MODBUS_IO_HARMLESS;
    for (size_t i = 0; i < c->config.lane_count; i++) {
        if (checkpointd_bus_index(&c->config, c->config.lanes[i].bus) != (int)bus) {
            continue;
        }
        for (size_t d = 0; d < c->config.lanes[i].device_count; d++) {
            const struct io_device *device = &c->devices.io[i][d];
            if (any_unit || modbus_io_unit(device) == unit) {
                enum modbus_io_reach reach = modbus_io_reach_of(device, coil, address);
                worst = reach > worst ? reach : worst;
            }
        }
    }
    return worst;
}

/* Rule 7: nobody away from the lane moves a boom, and not past the guard. */
static bool may_reach(const struct checkpointd *c, struct control *control,
                      const struct control_call *call, const struct tool_job *job)
{
    bool coil = job->request.function == MODBUS_WRITE_COIL;
    switch (reach_of(c, job->bus, job->request.unit, coil, job->request.address)) {
    case MODBUS_IO_HARMLESS:
        return true;
    case MODBUS_IO_MOTION:
        refuse(control, call, "moves_boom",
               "this address moves a boom, past every guard: raise with 'barrier test', lower with "
               "the barrier's own key",
               "该地址会驱动栏杆且绕过保护：抬杆请用 barrier test，落杆请用栏杆自带钥匙");
        return false;
    case MODBUS_IO_UNNAMED:
        refuse(control, call, "not_named",
               "this module moves a boom, and its profile does not say what this address does; "
               "only addresses its profile names can be written",
               "该模块驱动栏杆，其配置文件未说明此地址的作用；只能写配置文件中列出的地址");
        return false;
    }
    return false;
}

static bool bus_is_free(const struct checkpointd *c, struct control *control,
                        const struct control_call *call, size_t bus)
{
    uint8_t lane = tools_lane_in_service(c, bus);
    char en[160];
    char zh[160];
    if (lane == 0) {
        return true;
    }
    (void)snprintf(en, sizeof(en),
                   "lane %u is in service: every lane of %s must be out of service first "
                   "(checkpointctl service out %u)",
                   lane, c->config.buses[bus].name, lane);
    (void)snprintf(zh, sizeof(zh),
                   "车道 %u 正在使用：须先停用 %s 上的所有车道（checkpointctl service out %u）",
                   lane, c->config.buses[bus].name, lane);
    refuse(control, call, "in_service", en, zh);
    return false;
}

void tool_act_bus_write(void *ctx, struct control *control, const struct control_call *call)
{
    struct checkpointd *c = ctx;
    struct tool_job job;
    json_int_t unit = 0, address = 0, value = 0;
    size_t bus = 0;
    const char *kind = json_string_value(json_object_get(call->args, "kind"));
    bool coil = kind && strcmp(kind, "coil") == 0;
    const char *reason = acts_reason(control, call, true);
    if (reason && !coil && (!kind || strcmp(kind, "register") != 0)) {
        refuse(control, call, "invalid", "kind: expected coil or register",
               "kind 应为 coil 或 register");
        return;
    }
    if (!reason || !take_bus(c, control, call, &bus) ||
        !take_unit(c, control, call, "unit", bus, &unit) ||
        !take_number(control, call, "address", 0, WORD_MAX, &address) ||
        !take_number(control, call, "value", 0, coil ? 1 : WORD_MAX, &value)) {
        return;
    }
    begin_job(call, TOOL_WRITE, bus, reason, &job);
    job.request = (struct bus_request){.unit = (uint8_t)unit,
                                       .function = coil ? MODBUS_WRITE_COIL : MODBUS_WRITE_REGISTER,
                                       .address = (uint16_t)address,
                                       .count = 1,
                                       .values = {(uint16_t)value},
                                       .may_write = true};
    if (bus_is_free(c, control, call, bus) && may_reach(c, control, call, &job)) {
        tools_submit(c, &job);
    }
}

/* ---- the barrier ---- */

static void test(struct checkpointd *c, struct control *control, const struct control_call *call,
                 enum lane_act_kind kind)
{
    const char *reason = acts_reason(control, call, false);
    struct pipeline_act act = {.kind = kind};
    act.lane = reason ? acts_lane_of(c, control, call) : 0;
    if (act.lane == 0) {
        return;
    }
    if (kind != LANE_ACT_TEST_STOP) { /* before the motion: its first change is seen */
        watch_begin(c, act.lane, kind == LANE_ACT_TEST_LOWER);
    }
    acts_post(c, call, &act, reason);
}

void tool_act_test_raise(void *ctx, struct control *control, const struct control_call *call)
{
    test(ctx, control, call, LANE_ACT_TEST_RAISE);
}

void tool_act_test_stop(void *ctx, struct control *control, const struct control_call *call)
{
    test(ctx, control, call, LANE_ACT_TEST_STOP);
}

void tool_act_test_lower(void *ctx, struct control *control, const struct control_call *call)
{
    test(ctx, control, call, LANE_ACT_TEST_LOWER);
}

static const struct config_lane *config_of(const struct checkpointd *c, uint8_t lane)
{
    for (size_t i = 0; i < c->config.lane_count; i++) {
        if (c->config.lanes[i].lane.lane.lane == lane) {
            return &c->config.lanes[i];
        }
    }
    return NULL;
}

/* What a test compares with. */
static json_t *declared_json(const struct lane_config *lane)
{
    static const char *const closes[] = {
        [AUTO_CLOSE_NONE] = "none", [AUTO_CLOSE_LOOP] = "loop", [AUTO_CLOSE_TIMER] = "timer"};
    json_t *wired = json_array();
    for (unsigned i = 0; i < INPUT_COUNT; i++) {
        if (lane->wired & INPUT_BIT(i)) {
            json_array_append_new(wired, json_string(lane_input_name((enum lane_input)i)));
        }
    }
    return json_pack("{s:o,s:b,s:I,s:I,s:s,s:I,s:b}", "inputs", wired, "boom",
                     (lane->outputs_wired & OUTPUT_BIT(OUTPUT_RAISE)) != 0, "travel_ms",
                     (json_int_t)lane->travel_ms, "pulse_ms", (json_int_t)lane->pulse_ms,
                     "auto_close", closes[lane->auto_close], "auto_close_ms",
                     (json_int_t)lane->auto_close_ms, "raise_maintained",
                     (int)lane->raise_maintained);
}

void tool_act_test_watch(void *ctx, struct control *control, const struct control_call *call)
{
    struct checkpointd *c = ctx;
    char key[8];
    uint8_t lane = acts_lane_of(c, control, call);
    const struct config_lane *config = lane ? config_of(c, lane) : NULL;
    if (!config) {
        return; /* refused */
    }
    json_t *watch = watch_json(c, lane);
    json_t *result = json_pack(
        "{s:i,s:b,s:o,s:o}", "lane", (int)lane, "out_of_service", (int)tools_lane_is_out(c, lane),
        "declared", declared_json(&config->lane.lane), "watch", watch ? watch : json_null());
    (void)snprintf(key, sizeof(key), "%u", lane);
    json_object_set(result, "inputs", /* nothing is set while no scan has told any */
                    json_object_get(json_object_get(c->board.lanes, key), "inputs"));
    control_answer(control, call->ticket, result);
}

/* ---- its result ---- */

/* "up 1480 ms, down 1510 ms, …" of what was measured. */
static bool describe_test(struct control *control, const struct control_call *call, char *out,
                          size_t size)
{
    static const char *const keys[] = {"up_ms", "down_ms", "auto_close_ms", "pulse_ms"};
    size_t used = 0;
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]) && used < size; i++) {
        json_int_t ms = 0;
        if (!json_object_get(call->args, keys[i])) {
            continue;
        }
        if (!take_number(control, call, keys[i], 0, TRAVEL_MAX_MS, &ms)) {
            return false;
        }
        used += (size_t)snprintf(out + used, size - used, ", %s %lld", keys[i], (long long)ms);
    }
    return true;
}

/* Whether the test counts for rule 7, with the inputs as witness; false: refused. */
static bool take_verdict(struct checkpointd *c, struct control *control,
                         const struct control_call *call, uint8_t lane, bool stopped)
{
    struct err_text err;
    if (!tools_lane_is_out(c, lane)) {
        refuse(control, call, "in_service", "the lane is in service: no test was made",
               "车道正在使用，未进行测试");
        return false;
    }
    if (!atomic_load(&c->clock_trusted)) {
        refuse(control, call, "clock", "the clock is not trusted: a test needs a date that is true",
               "时钟不可信：测试须有真实日期");
        return false;
    }
    if (stopped && watch_shows_stop(c, lane, config_of(c, lane)->lane.lane.wired, &err) != 0) {
        refuse(control, call, "not_seen", err.text, "输入信号未显示硬件停止了落杆，不予记录");
        return false;
    }
    return true;
}

void tool_act_guided_test(void *ctx, struct control *control, const struct control_call *call)
{
    struct checkpointd *c = ctx;
    struct tool_job job;
    const json_t *verdict = json_object_get(call->args, "stopped"); /* absent: not tried */
    bool stopped = json_is_true(verdict);
    const char *reason = acts_reason(control, call, true);
    uint8_t lane = reason ? acts_lane_of(c, control, call) : 0;
    if (lane == 0) {
        return;
    }
    begin_job(call, TOOL_GUIDED, 0, reason, &job);
    job.lane = lane;
    job.verdict = !json_is_boolean(verdict) ? VERDICT_NOT_TRIED
                  : stopped                 ? VERDICT_STOPPED
                                            : VERDICT_WENT_ON;
    if (describe_test(control, call, job.measured, sizeof(job.measured)) &&
        (job.verdict == VERDICT_NOT_TRIED || take_verdict(c, control, call, lane, stopped))) {
        tools_submit(c, &job);
    }
}

/* ---- cameras ---- */

static const char *trigger(struct checkpointd *c, uint16_t camera)
{
    switch (cameras_trigger(c, camera)) {
    case ERR_OK:
        return "asked";
    case ERR_BUSY:
        return "waiting";
    case ERR_UNSUPPORTED:
        return "none";
    default:
        return "network"; /* not on a wire of ours */
    }
}

/* Says what the camera is to us; one on the network is matchd's, and has no trigger here. */
void tool_act_camera_trigger(void *ctx, struct control *control, const struct control_call *call)
{
    struct checkpointd *c = ctx;
    static struct fact fact; /* control thread */
    json_int_t camera = 0;
    const char *reason = acts_reason(control, call, false);
    if (!reason || !take_number(control, call, "camera", 1, WORD_MAX, &camera)) {
        return;
    }
    acts_begin_fact(c, &fact, &call->actor, FACT_ACT, reason);
    (void)snprintf(fact.u.act.act, sizeof(fact.u.act.act), "camera_test");
    (void)snprintf(fact.u.act.detail, sizeof(fact.u.act.detail), "camera %lld", (long long)camera);
    if (recorder_push(c, &fact) != 0) {
        refuse(control, call, "journal", "the journal cannot record it now", "日志当前无法写入");
        return;
    }
    publish_push(c, &fact);
    control_answer(
        control, call->ticket,
        json_pack("{s:I,s:s}", "camera", camera, "trigger", trigger(c, (uint16_t)camera)));
}
