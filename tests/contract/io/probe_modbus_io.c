/*
 * io_probe for modules with a profile: usage PROFILE.yaml tcp PORT | rtu LINE. Wired are the
 * profile's points, otherwise channels in order.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drivers/bus/modbus_link.h"
#include "drivers/modbus_io/modbus_io.h"
#include "tests/contract/io/io_probe.h"

enum { TIMEOUT_MS = 250, BAUD_BPS = 115200 };

static int create_link(const char *kind, const char *where, struct modbus_link **out,
                       struct err_text *err)
{
    return strcmp(kind, "tcp") == 0
               ? modbus_link_create_tcp("127.0.0.1", (uint16_t)strtoul(where, NULL, 10), out, err)
               : modbus_link_create_rtu(where, BAUD_BPS, 'N', 1, out, err);
}

int probe_create(int argc, char **argv, struct probe *out, struct err_text *err)
{
    struct module_profile profile;
    struct modbus_io_options options = {
        .name = "module", .profile = &profile, .unit = 1, .timeout_ms = TIMEOUT_MS};
    int rc = argc == 4 ? profile_load(argv[1], &profile, err) : ERR_INVALID;
    if (rc != ERR_OK) {
        return rc;
    }
    if (profile.has_inputs_wired || profile.has_outputs_wired) {
        options.inputs = profile.inputs_wired;
        options.outputs = profile.outputs_wired;
    } else {
        modbus_io_map_in_order(&options);
    }
    rc = create_link(argv[2], argv[3], &out->link, err);
    return rc == ERR_OK ? modbus_io_create(&options, &out->device, err) : rc;
}

void probe_destroy(struct probe *probe)
{
    modbus_io_destroy(&probe->device);
}
