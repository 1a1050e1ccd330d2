/*
 * Names of lane inputs, outputs and order results; the reaction time of a bus. No state.
 */
#include "gateway/model/lane_io.h"

#include <stddef.h>
#include <string.h>

static const char *const input_names[INPUT_COUNT] = {
    "limit_open", "limit_closed", "presence",         "obstacle",
    "entry_loop", "exit_loop",    "local_control",    "emergency_stop",
    "fault",      "boom_off",     "person_device_ok", "vehicle_detector_ok",
    "fire_raise", "panic",        "cabinet_door",     "mains_ok"};
static const char *const output_names[OUTPUT_COUNT] = {"raise",  "lower", "stop",  "red",
                                                       "yellow", "green", "siren", "strobe"};
static const char *const result_names[] = {"done", "expired", "vetoed", "failed"};

const char *lane_input_name(enum lane_input input)
{
    return (unsigned)input < INPUT_COUNT ? input_names[input] : NULL;
}

const char *lane_output_name(enum lane_output output)
{
    return (unsigned)output < OUTPUT_COUNT ? output_names[output] : NULL;
}

const char *order_result_name(enum order_result result)
{
    return (unsigned)result <= ORDER_FAILED ? result_names[result] : NULL;
}

static int find_name(const char *const *names, int count, const char *name)
{
    for (int i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0) {
            return i;
        }
    }
    return -1;
}

int lane_input_parse(const char *name)
{
    return find_name(input_names, INPUT_COUNT, name);
}

int lane_output_parse(const char *name)
{
    return find_name(output_names, OUTPUT_COUNT, name);
}

int lane_reaction_check(uint32_t pause_ms, uint32_t scan_worst_ms, uint32_t write_worst_ms,
                        struct err_text *err)
{
    uint64_t sum_ms =
        (uint64_t)pause_ms + scan_worst_ms + (uint64_t)GUARD_REACTION_WRITES * write_worst_ms;
    if (sum_ms <= GUARD_REACTION_MAX_MS) {
        return ERR_OK;
    }
    return err_set(err, ERR_INVALID,
                   "from obstacle to raise %llu ms (pause %u + scan %u + %d writes of %u), "
                   "expected at most %d ms",
                   (unsigned long long)sum_ms, pause_ms, scan_worst_ms, GUARD_REACTION_WRITES,
                   write_worst_ms, GUARD_REACTION_MAX_MS);
}
