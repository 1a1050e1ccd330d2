/*
 * A plain remote I/O module as the bus drives it, for tests and benchmarks of the bus itself: one
 * read of inputs, one of coils, FC05 a write; what modbus_partner.h plays at the other end. Input i
 * of enum lane_input is address i, output i of enum lane_output coil i.
 */
#pragma once

#include <stdint.h>

#include "drivers/api/io.h"

struct line_module {
    uint8_t unit;
    uint16_t inputs;     /* 1-32 */
    uint16_t coils;      /* 1-32 */
    uint16_t registers;  /* read besides in each scan, 0 = none: a long answer */
    uint32_t answer_us;  /* promised */
    uint32_t timeout_us; /* of one exchange */
};

/* State: a struct line_module. */
extern const struct io_driver line_module_driver;
