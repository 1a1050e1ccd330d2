/*
 * io_probe for drivers/template: usage LINE. Channels are wired in order.
 */
#include <stdio.h>
#include <string.h>

#include "drivers/template/template_io.h"
#include "tests/contract/io/io_probe.h"

int probe_create(int argc, char **argv, struct probe *out, struct err_text *err)
{
    struct template_io_options options = {
        .name = "module",
        .port = {.baud_bps = 115200, .parity = 'N', .stop_bits = 1},
        .unit = 1,
        .answer_ms = 10,
        .timeout_ms = 250};
    if (argc != 2) {
        return ERR_INVALID;
    }
    (void)snprintf(options.port.line, sizeof(options.port.line), "%s", argv[1]);
    for (unsigned i = 0; i < INPUT_COUNT; i++) {
        options.input_wired[i] = true;
        options.input_channel[i] = (uint8_t)i;
    }
    for (unsigned i = 0; i < OUTPUT_COUNT; i++) {
        options.output_wired[i] = true;
        options.output_channel[i] = (uint8_t)i;
    }
    return template_io_create(&options, &out->device, err);
}

void probe_destroy(struct probe *probe)
{
    template_io_destroy(&probe->device);
}
