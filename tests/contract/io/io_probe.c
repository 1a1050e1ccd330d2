/*
 * Runs a driver of the role `io` on a real link, command by command from stdin, one JSON line each:
 * usage: io_probe PROFILE INPUTS OUTPUTS tcp PORT | rtu LINE
 * INPUTS and OUTPUTS: how many channels are wired, from the first name on. Commands: open, scan,
 * on OUTPUT, off OUTPUT, pulse OUTPUT (500 ms). The link is opened anew when it is closed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drivers/bus/modbus_link.h"
#include "drivers/modbus_io/modbus_io.h"

enum { OPEN_MS = 1000, TIMEOUT_MS = 500, PULSE_MS = 500, BAUD_BPS = 115200, LINE_SIZE = 64 };

static void print_bits(const char *name, uint32_t bits, unsigned count,
                       const char *(*name_of)(unsigned))
{
    const char *comma = "";
    printf(",\"%s\":[", name);
    for (unsigned i = 0; i < count; i++) {
        if (bits & (1u << i)) {
            printf("%s\"%s\"", comma, name_of(i));
            comma = ",";
        }
    }
    printf("]");
}

static const char *input_of(unsigned i)
{
    return lane_input_name((enum lane_input)i);
}

static const char *output_of(unsigned i)
{
    return lane_output_name((enum lane_output)i);
}

static const char *code_name(int rc)
{
    return rc == ERR_OK        ? "ok"
           : rc == ERR_TIMEOUT ? "timeout"
           : rc == ERR_CORRUPT ? "corrupt"
           : rc == ERR_DENIED  ? "denied"
           : rc == ERR_INVALID ? "invalid"
           : rc == ERR_IO      ? "io"
                               : "other";
}

static int run(const struct io_device *device, struct modbus_link *link, char *line,
               struct io_scan *scan, bool *self_ends, struct err_text *err)
{
    char *name = strchr(line, ' ');
    if (!modbus_link_is_open(link)) {
        int rc = modbus_link_open(link, OPEN_MS, err);
        if (rc != ERR_OK) {
            return rc;
        }
    }
    if (strcmp(line, "open") == 0) {
        return device->driver->open(device->state, link, err);
    }
    if (strcmp(line, "scan") == 0) {
        return device->driver->scan(device->state, link, scan, err);
    }
    int output = name ? lane_output_parse(name + 1) : -1;
    if (output < 0) {
        return err_set(err, ERR_NOT_FOUND, "no such command");
    }
    bool pulse = strncmp(line, "pulse ", 6) == 0;
    bool on = pulse || strncmp(line, "on ", 3) == 0;
    return device->driver->write(device->state, link, (enum lane_output)output, on,
                                 pulse ? PULSE_MS : 0, self_ends, err);
}

static int create_link(const char *kind, const char *where, struct modbus_link **out,
                       struct err_text *err)
{
    return strcmp(kind, "tcp") == 0
               ? modbus_link_create_tcp("127.0.0.1", (uint16_t)strtoul(where, NULL, 10), out, err)
               : modbus_link_create_rtu(where, BAUD_BPS, 'N', 1, out, err);
}

static int create_device(char **argv, struct io_device *out, struct err_text *err)
{
    struct modbus_io_options options = {.name = "module", .unit = 1, .timeout_ms = TIMEOUT_MS};
    unsigned long inputs = strtoul(argv[2], NULL, 10);
    unsigned long outputs = strtoul(argv[3], NULL, 10);
    (void)snprintf(options.profile, sizeof(options.profile), "%s", argv[1]);
    for (unsigned i = 0; i < inputs && i < INPUT_COUNT; i++) {
        options.inputs[i].wired = true;
        options.inputs[i].channel = (uint8_t)i;
    }
    for (unsigned i = 0; i < outputs && i < OUTPUT_COUNT; i++) {
        options.outputs[i].wired = true;
        options.outputs[i].channel = (uint8_t)i;
    }
    return modbus_io_create(&options, out, err);
}

int main(int argc, char **argv)
{
    struct io_device device = {0};
    struct modbus_link *link = NULL;
    struct err_text err = {""};
    char line[LINE_SIZE];
    if (argc != 6 || create_device(argv, &device, &err) != 0 ||
        create_link(argv[4], argv[5], &link, &err) != 0) {
        fprintf(stderr, "io_probe: %s\n", argc == 6 ? err.text : "usage");
        return 1;
    }
    while (fgets(line, sizeof(line), stdin)) {
        struct io_scan scan = {0};
        bool self_ends = false;
        line[strcspn(line, "\n")] = '\0';
        err.text[0] = '\0';
        int rc = run(&device, link, line, &scan, &self_ends, &err);
        printf("{\"result\":\"%s\",\"detail\":\"%s\",\"self_ends\":%s", code_name(rc),
               rc == ERR_OK ? "" : err.text, self_ends ? "true" : "false");
        print_bits("active", scan.active, INPUT_COUNT, input_of);
        print_bits("outputs", scan.outputs, OUTPUT_COUNT, output_of);
        printf("}\n");
        fflush(stdout);
    }
    modbus_link_destroy(link);
    modbus_io_destroy(&device);
    return 0;
}
