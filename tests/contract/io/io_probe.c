/*
 * Runs a driver of the role `io` on a real device, command by command from stdin, one JSON line
 * each: open, scan, on OUTPUT, off OUTPUT, pulse OUTPUT (500 ms). Its first line says what is
 * wired. The link is opened anew when it is closed. The driver comes from a probe_*.c beside this
 * file.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drivers/bus/modbus_link.h"
#include "tests/contract/io/io_probe.h"

enum { OPEN_MS = 1000, PULSE_MS = 500, LINE_SIZE = 64 };

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
    return rc == ERR_OK         ? "ok"
           : rc == ERR_TIMEOUT  ? "timeout"
           : rc == ERR_CORRUPT  ? "corrupt"
           : rc == ERR_DENIED   ? "denied"
           : rc == ERR_INVALID  ? "invalid"
           : rc == ERR_IO       ? "io"
           : rc == ERR_CONFLICT ? "conflict"
                                : "other";
}

static int run(const struct io_device *device, struct modbus_link *link, char *line,
               struct io_scan *scan, bool *self_ends, struct err_text *err)
{
    char *name = strchr(line, ' ');
    if (link && !modbus_link_is_open(link)) {
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
    char *length = name ? strchr(name + 1, ' ') : NULL;
    if (length) {
        *length++ = '\0';
    }
    int output = name ? lane_output_parse(name + 1) : -1;
    if (output < 0) {
        return err_set(err, ERR_NOT_FOUND, "no such command");
    }
    bool pulse = strncmp(line, "pulse ", 6) == 0;
    bool on = pulse || strncmp(line, "on ", 3) == 0;
    uint32_t pulse_ms = length ? (uint32_t)strtoul(length, NULL, 10) : PULSE_MS;
    return device->driver->write(device->state, link, (enum lane_output)output, on,
                                 pulse ? pulse_ms : 0, self_ends, err);
}

static void print_answer(int rc, const struct err_text *err, const struct io_scan *scan,
                         bool self_ends)
{
    printf("{\"result\":\"%s\",\"detail\":\"%s\",\"self_ends\":%s", code_name(rc),
           rc == ERR_OK ? "" : err->text, self_ends ? "true" : "false");
    print_bits("wired", scan->wired, INPUT_COUNT, input_of);
    print_bits("active", scan->active, INPUT_COUNT, input_of);
    print_bits("outputs_wired", scan->outputs_wired, OUTPUT_COUNT, output_of);
    print_bits("outputs", scan->outputs, OUTPUT_COUNT, output_of);
    printf("}\n");
    fflush(stdout);
}

int main(int argc, char **argv)
{
    struct probe probe = {0};
    struct io_scan scan = {0};
    struct err_text err = {"usage: see the probe_*.c it was built with"};
    char line[LINE_SIZE];
    if (probe_create(argc, argv, &probe, &err) != ERR_OK) {
        fprintf(stderr, "io_probe: %s\n", err.text);
        return 1;
    }
    probe.device.driver->wiring(probe.device.state, &scan);
    print_answer(ERR_OK, &err, &scan, false);
    while (fgets(line, sizeof(line), stdin)) {
        bool self_ends = false;
        line[strcspn(line, "\n")] = '\0';
        err.text[0] = '\0';
        scan = (struct io_scan){0};
        int rc = run(&probe.device, probe.link, line, &scan, &self_ends, &err);
        print_answer(rc, &err, &scan, self_ends);
    }
    modbus_link_destroy(probe.link);
    probe_destroy(&probe);
    return 0;
}
