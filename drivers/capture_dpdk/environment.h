/*
 * DPDK's environment (EAL): one a process, started with the first source's arguments and there
 * until the process ends. Internal to this driver. Any thread.
 */
#pragma once

#include "drivers/capture_dpdk/capture_dpdk.h"

/* ERR_CONFLICT: it runs with other arguments; ERR_BUSY: it is being started by another thread;
 * ERR_IO, ERR_TOO_LARGE. */
int dpdk_environment_start(const struct capture_dpdk_options *options,
                           struct err_text *err) MUST_CHECK;

/* What the arguments say of the virtual device `name` ("" = of the first one), NULL: nothing. */
const char *dpdk_virtual_device(const struct capture_dpdk_options *options, const char *name);
