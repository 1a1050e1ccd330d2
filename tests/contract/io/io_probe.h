/*
 * What a probe_*.c gives io_probe.c: one device of its driver, and the link it hangs on. Used by
 * one thread.
 */
#pragma once

#include "drivers/api/io.h"
#include "gateway/base/err.h"

struct probe {
    struct io_device device;
    struct modbus_link *link; /* NULL: the device brings its own */
};

/* Reads the command line. Any error ends the program with `err`. */
int probe_create(int argc, char **argv, struct probe *out, struct err_text *err) MUST_CHECK;
void probe_destroy(struct probe *probe); /* the device; the link is destroyed before */
