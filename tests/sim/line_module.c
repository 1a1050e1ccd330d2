/*
 * See the header. No state but the caller's.
 */
#include "tests/sim/line_module.h"

#include "drivers/bus/modbus_link.h"

static void wiring(const void *state, struct io_scan *out)
{
    const struct line_module *module = state;
    *out = (struct io_scan){.wired = (uint32_t)((UINT64_C(1) << module->inputs) - 1),
                            .outputs_wired = (uint32_t)((UINT64_C(1) << module->coils) - 1)};
}

static uint32_t exchange_us(const struct line_module *module, const struct io_timing *timing,
                            uint8_t function, uint16_t count)
{
    const struct modbus_request request = {.unit = 1, .function = function, .count = count};
    return count == 0 ? 0 : modbus_exchange_us(timing, &request, module->answer_us);
}

static void cost(const void *state, const struct io_timing *timing, struct io_cost *out)
{
    const struct line_module *module = state;
    *out = (struct io_cost){.scan_us =
                                exchange_us(module, timing, MODBUS_READ_DISCRETE, module->inputs) +
                                exchange_us(module, timing, MODBUS_READ_COILS, module->coils) +
                                exchange_us(module, timing, MODBUS_READ_INPUT, module->registers),
                            .write_us = exchange_us(module, timing, MODBUS_WRITE_COIL, 1),
                            .timeout_us = module->timeout_us};
}

static int open_module(void *state, struct modbus_link *link, struct err_text *err)
{
    (void)state;
    (void)link;
    (void)err;
    return ERR_OK;
}

static int ask(const struct line_module *module, struct modbus_link *link, uint8_t function,
               uint16_t count, struct modbus_answer *out, struct err_text *err)
{
    const struct modbus_request request = {
        .unit = module->unit, .function = function, .count = count};
    return count == 0 ? ERR_OK : modbus_link_exchange(link, &request, module->timeout_us, out, err);
}

static int scan(void *state, struct modbus_link *link, struct io_scan *out, struct err_text *err)
{
    const struct line_module *module = state;
    struct modbus_answer answer = {0};
    wiring(state, out);
    int rc = ask(module, link, MODBUS_READ_DISCRETE, module->inputs, &answer, err);
    out->active = (uint32_t)answer.bits;
    rc = rc == ERR_OK ? ask(module, link, MODBUS_READ_COILS, module->coils, &answer, err) : rc;
    out->outputs = (uint32_t)answer.bits;
    return rc == ERR_OK ? ask(module, link, MODBUS_READ_INPUT, module->registers, &answer, err)
                        : rc;
}

static int write_output(void *state, struct modbus_link *link, enum lane_output output, bool on,
                        uint32_t pulse_ms, bool *out_self_ends, struct err_text *err)
{
    const struct line_module *module = state;
    struct modbus_answer answer;
    const struct modbus_request request = {.unit = module->unit,
                                           .function = MODBUS_WRITE_COIL,
                                           .address = (uint16_t)output,
                                           .value = on ? 0xFF00 : 0};
    *out_self_ends = false;
    (void)pulse_ms; /* the bus ends pulses */
    return modbus_link_exchange(link, &request, module->timeout_us, &answer, err);
}

const struct io_driver line_module_driver = {.name = "line_module",
                                             .wiring = wiring,
                                             .cost = cost,
                                             .open = open_module,
                                             .scan = scan,
                                             .write = write_output};
