/*
 * Names of lane inputs, outputs and order results. No state.
 */
#include "gateway/model/lane_io.h"

#include <stddef.h>
#include <string.h>

static const char *const input_names[INPUT_COUNT] = {
    "limit_open", "limit_closed",  "presence",       "obstacle", "entry_loop",
    "exit_loop",  "local_control", "emergency_stop", "fault",    "boom_off"};
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
