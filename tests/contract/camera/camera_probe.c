/*
 * Runs a driver of the role `camera` on a real line and prints, one JSON object a line, what its
 * sink hears: read, contact, fault. usage: camera_probe serial LINE PROFILE | tcp PORT | rtu LINE
 * and options: candidates, gbk, trigger=COIL, light=COIL, on (its lights), silence=MS,
 * heartbeat=MS, poll=MS. Commands on stdin: trigger, light on|off|plan, stats; the end of stdin
 * stops it.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drivers/modbus_camera/modbus_camera.h"
#include "drivers/serial_camera/profile.h"
#include "drivers/serial_camera/serial_camera.h"

enum { LINE_SIZE = 64, BAUD_BPS = 9600 };

struct probe {
    struct modbus_camera *modbus;
    struct serial_camera *serial;
    struct modbus_camera_options modbus_options;
    struct serial_camera_options serial_options;
    bool is_serial;
};

static pthread_mutex_t output = PTHREAD_MUTEX_INITIALIZER;

static void hear_read(void *ctx, const struct plate_read *read)
{
    (void)ctx;
    pthread_mutex_lock(&output);
    printf("{\"event\":\"read\",\"plate\":\"%s\",\"camera\":%u,\"lane\":%u,\"confidence\":%u,"
           "\"direction\":%u,\"event_id\":%llu,\"camera_ms\":%lld,\"auth\":%d,\"candidates\":[",
           read->raw, read->camera, read->lane, read->confidence, read->direction,
           (unsigned long long)read->event_id, (long long)read->camera_time.ms, read->authenticity);
    for (int i = 0; i < read->candidate_count; i++) {
        char text[PLATE_TEXT_SIZE] = "";
        int rc = plate_decode(read->candidates[i].key, text);
        printf("%s[\"%s\",%u]", i ? "," : "", rc == 0 ? text : "?", read->candidates[i].confidence);
    }
    printf("]}\n");
    fflush(stdout);
    pthread_mutex_unlock(&output);
}

static void hear_contact(void *ctx, uint16_t camera, bool contact, const char *reason)
{
    (void)ctx;
    (void)camera;
    pthread_mutex_lock(&output);
    printf("{\"event\":\"contact\",\"contact\":%s,\"reason\":\"%s\"}\n", contact ? "true" : "false",
           reason);
    fflush(stdout);
    pthread_mutex_unlock(&output);
}

static void hear_fault(void *ctx, uint16_t camera, enum camera_fault fault, const char *detail)
{
    static const char *const names[] = {[CAMERA_FAULT_BAD] = "bad",
                                        [CAMERA_FAULT_MISSED] = "missed",
                                        [CAMERA_FAULT_ORDER] = "order"};
    (void)ctx;
    (void)camera;
    pthread_mutex_lock(&output);
    printf("{\"event\":\"fault\",\"fault\":\"%s\",\"detail\":\"%s\"}\n", names[fault], detail);
    fflush(stdout);
    pthread_mutex_unlock(&output);
}

static void print_stats(const struct probe *p)
{
    struct camera_stats s;
    if (p->is_serial) {
        serial_camera_stats(p->serial, &s);
    } else {
        modbus_camera_stats(p->modbus, &s);
    }
    pthread_mutex_lock(&output);
    printf("{\"event\":\"stats\",\"reads\":%llu,\"bad\":%llu,\"errors\":%llu,\"missed\":%llu,"
           "\"torn\":%llu,\"triggers\":%llu,\"trigger_failures\":%llu,\"contact\":%s,\"heard\":%s,"
           "\"clock_known\":%s,\"clock_offset_ms\":%lld,\"clock_error_ms\":%u}\n",
           (unsigned long long)s.reads, (unsigned long long)s.bad, (unsigned long long)s.errors,
           (unsigned long long)s.missed, (unsigned long long)s.torn, (unsigned long long)s.triggers,
           (unsigned long long)s.trigger_failures, s.contact ? "true" : "false",
           s.heard ? "true" : "false", s.clock_known ? "true" : "false",
           (long long)s.clock_offset_ms, s.clock_error_ms);
    fflush(stdout);
    pthread_mutex_unlock(&output);
}

static void print_result(const char *what, int rc)
{
    pthread_mutex_lock(&output);
    printf("{\"event\":\"%s\",\"result\":\"%s\"}\n", what, rc == 0 ? "ok" : err_name(rc));
    fflush(stdout);
    pthread_mutex_unlock(&output);
}

static void run_command(struct probe *p, const char *line)
{
    if (strcmp(line, "stats") == 0) {
        print_stats(p);
    } else if (strcmp(line, "trigger") == 0) {
        print_result("trigger", modbus_camera_trigger(p->modbus));
    } else {
        enum camera_light light = strcmp(line, "light on") == 0    ? CAMERA_LIGHT_FORCED_ON
                                  : strcmp(line, "light off") == 0 ? CAMERA_LIGHT_FORCED_OFF
                                                                   : CAMERA_LIGHT_BY_PLAN;
        print_result("light", modbus_camera_light(p->modbus, light));
    }
}

static void take_option(struct probe *p, const char *option)
{
    struct camera_orders_options *orders = &p->modbus_options.orders;
    const char *value = strchr(option, '=');
    uint32_t number = value ? (uint32_t)strtoul(value + 1, NULL, 10) : 0;
    if (strcmp(option, "candidates") == 0) {
        p->modbus_options.candidates = true;
    } else if (strcmp(option, "gbk") == 0) {
        p->modbus_options.encoding = REGISTERS_ENCODING_GBK;
    } else if (strcmp(option, "on") == 0) {
        orders->plan = CAMERA_LIGHT_ON;
    } else if (strncmp(option, "trigger", 7) == 0) {
        orders->has_trigger = true;
        orders->trigger_coil = (uint16_t)number;
    } else if (strncmp(option, "light", 5) == 0) {
        orders->light_coils[orders->light_count++] = (uint16_t)number;
    } else if (strncmp(option, "silence", 7) == 0) {
        p->serial_options.silence_ms = number;
    } else if (strncmp(option, "heartbeat", 9) == 0) {
        p->modbus_options.heartbeat_ms = number;
    } else if (strncmp(option, "poll", 4) == 0) {
        p->modbus_options.poll_ms = number;
    }
}

static int create(struct probe *p, int argc, char **argv, struct err_text *err)
{
    const struct camera_sink sink = {
        .read = hear_read, .contact = hear_contact, .fault = hear_fault};
    const struct camera_identity identity = {
        .name = "cam-7", .lane = 3, .camera = 7, .wired = strcmp(argv[1], "tcp") != 0};
    struct serial_settings port = {.baud_bps = BAUD_BPS, .parity = 'N', .stop_bits = 1};
    struct serial_profile profile;
    (void)snprintf(port.line, sizeof(port.line), "%s", argv[2]);
    p->is_serial = strcmp(argv[1], "serial") == 0;
    if (p->is_serial) {
        int rc = argc > 3 ? serial_profile_load(argv[3], &profile, err)
                          : err_set(err, ERR_INVALID, "no profile");
        if (rc != 0) {
            return rc;
        }
        p->serial_options.silence_ms = profile.silence_ms;
        p->serial_options.format = profile.format;
    }
    for (int i = p->is_serial ? 4 : 3; i < argc; i++) {
        take_option(p, argv[i]);
    }
    if (p->is_serial) {
        p->serial_options.identity = identity;
        p->serial_options.port = port;
        p->serial_options.answer = true;
        return serial_camera_create(&p->serial_options, &sink, &p->serial, err);
    }
    p->modbus_options.identity = identity;
    p->modbus_options.rtu = strcmp(argv[1], "rtu") == 0;
    p->modbus_options.port = port;
    p->modbus_options.unit = 1;
    (void)snprintf(p->modbus_options.host, sizeof(p->modbus_options.host), "127.0.0.1");
    p->modbus_options.tcp_port = (uint16_t)strtoul(argv[2], NULL, 10);
    return modbus_camera_create(&p->modbus_options, &sink, &p->modbus, err);
}

int main(int argc, char **argv)
{
    static struct probe p;
    struct err_text err = {""};
    char line[LINE_SIZE];
    int rc = argc < 3 ? err_set(&err, ERR_INVALID, "usage") : create(&p, argc, argv, &err);
    if (rc == 0) {
        rc = p.is_serial ? serial_camera_start(p.serial) : modbus_camera_start(p.modbus);
    }
    if (rc != 0) {
        fprintf(stderr, "camera_probe: %s\n", err.text);
        return 1;
    }
    while (fgets(line, sizeof(line), stdin)) {
        line[strcspn(line, "\n")] = '\0';
        run_command(&p, line);
    }
    if (p.is_serial) {
        serial_camera_stop(p.serial);
    } else {
        modbus_camera_stop(p.modbus);
    }
    serial_camera_destroy(p.serial);
    modbus_camera_destroy(p.modbus);
    return 0;
}
