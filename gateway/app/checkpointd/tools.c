/*
 * Thread "tools": a technician's raw requests to a bus, one after the other. The bus carries each
 * out between two scans, so that its lanes go on; this thread is the one that waits for it. Writes
 * pass by the guard: they are taken only while every lane of the bus is out of service, are on
 * record before they are sent, and keep those lanes out of service until they are done.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/app/checkpointd/checkpointd.h"

enum {
    SCAN_ASKS_MAX = 3,
    POP_WAIT_MS = 200,
    SILENT_MAX_MS = 10 * 60000 /* as the journal's thread, which it may wait for */
};

int tools_init(struct checkpointd *c, struct err_text *err)
{
    thread_lock_init(&c->tools.lock);
    c->tools.jobs = queue_create(TOOL_JOBS_MAX, sizeof(struct tool_job));
    return c->tools.jobs ? 0 : err_set(err, ERR_NO_MEMORY, "tools: no memory");
}

void tools_destroy(struct checkpointd *c)
{
    queue_destroy(c->tools.jobs);
}

/* ---- who may write ---- */

void tools_see_status(struct checkpointd *c, uint8_t lane, bool out_of_service)
{
    atomic_store_explicit(&c->tools.out[lane], out_of_service, memory_order_relaxed);
}

/* Sequentially consistent, as is the look of tools_lane_in_service: of a service_in and a write
 * that are asked for at the same time one sees the other. Both are the control thread's anyway. */
bool tools_coming_in(struct checkpointd *c, uint8_t lane)
{
    for (size_t i = 0; i < c->config.lane_count; i++) {
        int bus = checkpointd_bus_index(&c->config, c->config.lanes[i].bus);
        if (c->config.lanes[i].lane.lane.lane == lane && bus >= 0 &&
            atomic_load(&c->tools.writing[bus]) > 0) {
            return false;
        }
    }
    atomic_fetch_add(&c->tools.coming_in[lane], 1);
    return true;
}

void tools_came_in(struct checkpointd *c, uint8_t lane, bool done)
{
    if (done) {
        atomic_store(&c->tools.out[lane], false);
    }
    atomic_fetch_sub(&c->tools.coming_in[lane], 1);
}

bool tools_lane_is_out(const struct checkpointd *c, uint8_t lane)
{
    return atomic_load(&c->tools.coming_in[lane]) == 0 && atomic_load(&c->tools.out[lane]);
}

uint8_t tools_lane_in_service(const struct checkpointd *c, size_t bus)
{
    for (size_t i = 0; i < c->config.lane_count; i++) {
        uint8_t lane = c->config.lanes[i].lane.lane.lane;
        if (checkpointd_bus_index(&c->config, c->config.lanes[i].bus) == (int)bus &&
            !tools_lane_is_out(c, lane)) {
            return lane;
        }
    }
    return 0;
}

/* ---- answers ---- */

static void refuse(struct checkpointd *c, const struct tool_job *job, int rc,
                   const struct bus_reply *reply)
{
    static const struct {
        int rc;
        const char *code, *zh;
    } rows[] = {{ERR_TIMEOUT, "silent", "没有应答"},
                {ERR_DENIED, "exception", "设备返回异常码"},
                {ERR_CORRUPT, "garbled", "应答有误：线路受干扰，或两个设备同一地址"},
                {ERR_INVALID, "invalid", "请求无效，或该线路两次扫描之间没有足够时间"}};
    const char *code = "io";
    const char *zh = "总线无法使用";
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (rows[i].rc == rc) {
            code = rows[i].code;
            zh = rows[i].zh;
        }
    }
    control_refuse(c->control, job->ticket, code, reply->err.text, zh);
}

/* ---- which units answer ---- */

/* Read-only: one holding register, then, for modules that know no registers, one coil. An exception
 * is an answer too. */
static int probe(struct bus *bus, struct thread *self, uint8_t unit, struct bus_reply *reply)
{
    static const uint8_t functions[] = {MODBUS_READ_HOLDING, MODBUS_READ_COILS};
    int rc = ERR_TIMEOUT;
    for (size_t i = 0; i < sizeof(functions) && rc == ERR_TIMEOUT; i++) {
        const struct bus_request request = {.unit = unit, .function = functions[i], .count = 1};
        thread_alive(self);
        rc = bus_exchange(bus, &request, reply);
        if (rc == ERR_TIMEOUT && reply->round_trip_us == 0) {
            rc = ERR_BUSY; /* no turn on the line: nothing was asked */
        }
    }
    return rc;
}

/* Once garbled may be the late answer of another unit, or noise; two modules on one address, or a
 * line in trouble, garble every time. */
static int probe_surely(struct bus *bus, struct thread *self, uint8_t unit, struct bus_reply *reply)
{
    int rc = ERR_CORRUPT;
    for (int asked = 0; asked < SCAN_ASKS_MAX && rc == ERR_CORRUPT; asked++) {
        rc = probe(bus, self, unit, reply);
    }
    return rc;
}

/* What the configuration calls the unit; NULL: nothing. */
static const char *known_as(const struct checkpointd *c, size_t bus, uint8_t unit, char out[64])
{
    for (size_t i = 0; i < c->config.lane_count; i++) {
        const struct config_lane *lane = &c->config.lanes[i];
        for (size_t d = 0; d < lane->device_count; d++) {
            if (lane->devices[d].unit == unit &&
                checkpointd_bus_index(&c->config, lane->bus) == (int)bus) {
                (void)snprintf(out, 64, "lane %u: %s", lane->lane.lane.lane, lane->devices[d].name);
                return out;
            }
        }
    }
    for (size_t i = 0; i < c->config.camera_count; i++) {
        const struct config_camera *camera = &c->config.cameras[i];
        if (camera->bus[0] != '\0' && camera->unit == unit &&
            checkpointd_bus_index(&c->config, camera->bus) == (int)bus) {
            (void)snprintf(out, 64, "camera %u", camera->id);
            return out;
        }
    }
    return NULL;
}

static void add_unit(const struct checkpointd *c, const struct tool_job *job, uint8_t unit, int rc,
                     const struct bus_reply *reply, json_t *units)
{
    char name[64];
    const char *answer = rc == ERR_OK ? "value" : rc == ERR_DENIED ? "exception" : "garbled";
    json_t *row =
        json_pack("{s:i,s:s,s:I,s:s*}", "unit", (int)unit, "answer", answer, "round_trip_us",
                  (json_int_t)reply->round_trip_us, "known_as", known_as(c, job->bus, unit, name));
    if (rc == ERR_DENIED) {
        json_object_set_new(row, "exception", json_integer(reply->exception));
    }
    json_array_append_new(units, row);
}

static void run_scan(struct checkpointd *c, struct thread *self, const struct tool_job *job)
{
    struct bus *bus = c->devices.buses[job->bus];
    struct mono_time end = mono_add_ms(clock_mono(&clock_system), TOOL_SCAN_MS);
    json_t *units = json_array();
    unsigned unit = job->from;
    struct bus_reply reply = {0};
    int rc = ERR_OK;
    for (; unit <= job->to && mono_before(clock_mono(&clock_system), end); unit++) {
        rc = probe_surely(bus, self, (uint8_t)unit, &reply);
        if (rc == ERR_IO || rc == ERR_INVALID || rc == ERR_STOPPED || rc == ERR_BUSY) {
            break; /* busy: this unit is asked again */
        }
        if (rc != ERR_TIMEOUT) {
            add_unit(c, job, (uint8_t)unit, rc, &reply, units);
        }
    }
    if (rc == ERR_IO || rc == ERR_INVALID || rc == ERR_STOPPED) {
        json_decref(units);
        refuse(c, job, rc, &reply);
        return;
    }
    control_answer(
        c->control, job->ticket,
        json_pack("{s:s,s:o,s:i}", "bus", bus_name(bus), "units", units, "next", (int)unit));
}

/* ---- one read, one write ---- */

static void run_read(struct checkpointd *c, const struct tool_job *job)
{
    struct bus_reply reply;
    int rc = bus_exchange(c->devices.buses[job->bus], &job->request, &reply);
    if (rc != ERR_OK) {
        refuse(c, job, rc, &reply);
        return;
    }
    json_t *values = json_array();
    for (size_t i = 0; i < reply.count; i++) {
        json_array_append_new(values, json_integer(reply.values[i]));
    }
    control_answer(c->control, job->ticket,
                   json_pack("{s:s,s:i,s:i,s:i,s:o,s:I}", "bus", c->config.buses[job->bus].name,
                             "unit", (int)job->request.unit, "function", (int)job->request.function,
                             "address", (int)job->request.address, "values", values,
                             "round_trip_us", (json_int_t)reply.round_trip_us));
}

static void describe_write(const struct checkpointd *c, const struct tool_job *job,
                           struct fact *fact, const char *act, const char *what)
{
    const struct bus_request *r = &job->request;
    acts_begin_fact(c, fact, &job->actor, FACT_ACT, job->reason);
    (void)snprintf(fact->u.act.act, sizeof(fact->u.act.act), "%s", act);
    (void)snprintf(fact->u.act.detail, sizeof(fact->u.act.detail), "%s unit %u %s %u = %u%s%.100s",
                   c->config.buses[job->bus].name, r->unit,
                   r->function == MODBUS_WRITE_COIL ? "coil" : "register", r->address, r->values[0],
                   what[0] ? ": " : "", what);
}

static void run_write(struct checkpointd *c, const struct tool_job *job)
{
    static struct fact fact; /* the tools thread's own */
    struct bus_reply reply;
    describe_write(c, job, &fact, "bus_write", "");
    if (recorder_record_and_wait(c, &fact) != 0) {
        control_refuse(c->control, job->ticket, "journal", "the journal cannot record it now",
                       "日志当前无法写入");
        return;
    }
    publish_push(c, &fact);
    int rc = bus_exchange(c->devices.buses[job->bus], &job->request, &reply);
    if (rc != ERR_OK) {
        describe_write(c, job, &fact, "bus_write_failed", reply.err.text);
        /* Refused by a full queue: counted as lost there; the write itself is on record. */
        int recorded = recorder_push(c, &fact);
        (void)recorded;
        publish_push(c, &fact);
        refuse(c, job, rc, &reply);
        return;
    }
    control_answer(c->control, job->ticket,
                   json_pack("{s:s,s:i,s:i,s:i,s:I}", "bus", c->config.buses[job->bus].name, "unit",
                             (int)job->request.unit, "address", (int)job->request.address, "value",
                             (int)job->request.values[0], "round_trip_us",
                             (json_int_t)reply.round_trip_us));
}

/* ---- a guided test: on record, then in force ---- */

static void run_guided(struct checkpointd *c, const struct tool_job *job)
{
    static const char *const words[] = {[VERDICT_NOT_TRIED] = "not tried",
                                        [VERDICT_STOPPED] = "stopped",
                                        [VERDICT_WENT_ON] = "did not stop"};
    static struct fact fact; /* the tools thread's own */
    struct err_text err;
    bool tried = job->verdict != VERDICT_NOT_TRIED;
    acts_begin_fact(c, &fact, &job->actor, FACT_ACT, job->reason);
    fact.lane = job->lane;
    (void)snprintf(fact.u.act.act, sizeof(fact.u.act.act), "barrier_test");
    (void)snprintf(fact.u.act.detail, sizeof(fact.u.act.detail), "lane %u%s, interlock %s",
                   job->lane, job->measured, words[job->verdict]);
    if (recorder_record_and_wait(c, &fact) != 0) {
        control_refuse(c->control, job->ticket, "journal", "the journal cannot record it now",
                       "日志当前无法写入");
        return;
    }
    publish_push(c, &fact);
    if (tried && guided_put(c, job->lane, clock_wall(&c->clock), job->verdict == VERDICT_STOPPED,
                            job->actor.officer, &err) != 0) {
        control_refuse(c->control, job->ticket, "io", err.text, "无法写入 guided-tests.yaml");
        return;
    }
    control_answer(c->control, job->ticket,
                   json_pack("{s:i,s:s,s:b}", "lane", (int)job->lane, "interlock",
                             words[job->verdict], "on_file", (int)tried));
}

/* ---- the thread ---- */

void tools_submit(struct checkpointd *c, const struct tool_job *job)
{
    bool writes = job->kind == TOOL_WRITE;
    if (writes) {
        atomic_fetch_add(&c->tools.writing[job->bus], 1);
    }
    if (queue_push(c->tools.jobs, job) == 0) {
        return;
    }
    if (writes) {
        atomic_fetch_sub(&c->tools.writing[job->bus], 1);
    }
    control_refuse(c->control, job->ticket, "busy", "other requests to the buses still wait",
                   "其他总线请求尚未完成");
}

void tools_run(struct thread *self, void *arg)
{
    struct checkpointd *c = arg;
    static struct tool_job job; /* the tools thread's own */
    while (!thread_stopping(self)) {
        thread_alive(self);
        if (queue_pop(c->tools.jobs, &job, POP_WAIT_MS) != 0) {
            continue;
        }
        thread_silent_ms(self, SILENT_MAX_MS);
        switch (job.kind) {
        case TOOL_SCAN:
            run_scan(c, self, &job);
            break;
        case TOOL_READ:
            run_read(c, &job);
            break;
        case TOOL_WRITE:
            run_write(c, &job);
            atomic_fetch_sub(&c->tools.writing[job.bus], 1);
            break;
        case TOOL_GUIDED:
            run_guided(c, &job);
            break;
        }
    }
}
