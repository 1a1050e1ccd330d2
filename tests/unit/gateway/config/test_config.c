/*
 * Configuration: every kind of value, right and wrong, with the exact error texts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/config/config.h"

enum device_mode { MODE_TCP = 1, MODE_RTU = 2 };

struct barrier {
    enum device_mode mode;
    uint32_t baud_bps;
    char path[32];
    int64_t timeout_ms;
};

struct lane {
    uint8_t id;
    char name[16];
    struct barrier barrier;
    bool has_barrier;
    uint32_t kinds;
    uint8_t watched[4];
};

struct settings {
    struct lane lanes[3];
    size_t lane_count;
    uint16_t ports[2];
    size_t port_count;
    bool strict;
    struct config_ip address;
    uint8_t mac[6];
    uint8_t key[4];
    int16_t offset_k;
    uint16_t start_minute;
};

static const struct config_name modes[] = {{"tcp", MODE_TCP}, {"rtu", MODE_RTU}, {NULL, 0}};
static const struct config_name kinds[] = {{"car", 1}, {"lorry", 2}, {"bus", 4}, {NULL, 0}};

static const struct config_option barrier_options[] = {
    CONFIG_OPTION(struct barrier, mode, "mode", CONFIG_ENUM, .names = modes, .required = true,
                  .what = "a bus", .help = "How the barrier is wired."),
    CONFIG_OPTION(struct barrier, baud_bps, "baud", CONFIG_INT, CONFIG_ONLY(9600, 19200, 38400),
                  .fallback = "9600", .what = "a standard rate", .unit = "bit/s",
                  .help = "Line rate."),
    CONFIG_OPTION(struct barrier, path, "path", CONFIG_PATH, .fallback = "/dev/ttyS0",
                  .help = "Serial device."),
    CONFIG_OPTION(struct barrier, timeout_ms, "timeout", CONFIG_DURATION, .min = 10, .max = 5000,
                  .fallback = "250ms", .help = "Longest wait for an answer."),
};
static const struct config_section barrier_section = {CONFIG_ROWS(barrier_options, struct barrier)};

static int check_lane(void *section, const struct config_at *at, struct err_text *err)
{
    const struct lane *lane = section;
    if (lane->has_barrier && lane->barrier.mode == MODE_RTU && lane->barrier.timeout_ms > 1000) {
        return config_refuse(at, "barrier.timeout", err,
                             "too slow for mode rtu, expected at most %s", "1s");
    }
    return ERR_OK;
}

static const struct config_option lane_options[] = {
    CONFIG_OPTION(struct lane, id, "id", CONFIG_INT, .min = 1, .max = 255, .required = true,
                  .help = "Lane number."),
    CONFIG_OPTION(struct lane, name, "name", CONFIG_STRING, .min = 1, .fallback = "lane",
                  .help = "Shown to officers."),
    CONFIG_OPTION(struct lane, barrier, "barrier", CONFIG_SECTION, .section = &barrier_section,
                  CONFIG_SEEN(struct lane, has_barrier), .help = "The boom."),
    CONFIG_OPTION(struct lane, kinds, "kinds", CONFIG_SET, .names = kinds, .what = "a vehicle kind",
                  .fallback = "car", .help = "Vehicles let in."),
    CONFIG_OPTION(struct lane, watched, "watched", CONFIG_NUMBERS, .min = 1, .max = 31,
                  .help = "Other lanes seen."),
};
static const struct config_section lane_section = {CONFIG_ROWS(lane_options, struct lane),
                                                   .unique = "id", .check = check_lane};

static const char *parse_minute(const char *text, void *member)
{
    if (strlen(text) != 5 || text[2] != ':') {
        return "not a time of day, expected like 22:30";
    }
    uint16_t minute = (uint16_t)((text[0] - '0') * 600 + (text[1] - '0') * 60 +
                                 (text[3] - '0') * 10 + (text[4] - '0'));
    memcpy(member, &minute, sizeof(minute));
    return NULL;
}

static const struct config_option port_item = {
    .kind = CONFIG_INT, .size = sizeof(uint16_t), .min = 1, .max = 65535};

static const struct config_option options[] = {
    CONFIG_ARRAY(struct settings, lanes, lane_count, "lanes", .section = &lane_section, .min = 1,
                 .required = true, .help = "The lanes."),
    CONFIG_ARRAY(struct settings, ports, port_count, "ports", .item = &port_item,
                 .help = "UDP ports."),
    CONFIG_OPTION(struct settings, strict, "strict", CONFIG_BOOL, .fallback = "true",
                  .help = "Refuse the rest."),
    CONFIG_OPTION(struct settings, address, "address", CONFIG_IP, .help = "Own address."),
    CONFIG_OPTION(struct settings, mac, "mac", CONFIG_MAC, .help = "Bound sender."),
    CONFIG_OPTION(struct settings, key, "key", CONFIG_HEX, .help = "Test key."),
    CONFIG_OPTION(struct settings, offset_k, "offset", CONFIG_INT, .min = -40, .max = 85,
                  .unit = "K", .fallback = "0", .help = "Sensor offset."),
    CONFIG_OPTION(struct settings, start_minute, "start", CONFIG_CUSTOM, .parse = parse_minute,
                  .what = "a time of day like 22:30", .fallback = "06:00", .help = "Opening."),
};
static const struct config_section root = {CONFIG_ROWS(options, struct settings)};

static void expect_error(const char *text, const char *expected)
{
    struct settings settings;
    struct settings before;
    struct err_text err = {""};
    memset(&settings, 0x5A, sizeof(settings));
    before = settings;
    int rc = config_parse("c.yaml", text, strlen(text), &root, &settings, &err);
    assert_string_equal(err.text, expected);
    assert_true(rc == ERR_INVALID || rc == ERR_TOO_LARGE);
    assert_memory_equal(&settings, &before, sizeof(settings)); /* untouched on failure */
}

static void parse_ok(const char *text, struct settings *out)
{
    struct err_text err = {""};
    int rc = config_parse("c.yaml", text, strlen(text), &root, out, &err);
    assert_string_equal(err.text, "");
    assert_int_equal(rc, ERR_OK);
}

static void every_kind_is_read(void **state)
{
    (void)state;
    struct settings s;
    parse_ok("# full\n"
             "lanes:\n"
             "  - {id: 1, name: 东门 1, kinds: [lorry, bus], watched: [2, 31]}\n"
             "  - id: 255\n"
             "    name: '12'\n"
             "    kinds: bus\n"
             "    watched: 8\n"
             "    barrier: {mode: rtu, baud: 19200, path: /dev/ttyUSB0, timeout: 1s}\n"
             "ports: [9840, 1]\n"
             "strict: false\n"
             "address: 2001:db8::1\n"
             "mac: 02:00:5E:00:53:01\n"
             "key: 00ff10Ab\n"
             "offset: -40\n"
             "start: 22:30\n",
             &s);
    assert_int_equal(s.lane_count, 2);
    assert_string_equal(s.lanes[0].name, "东门 1");
    assert_int_equal(s.lanes[0].kinds, 6);
    assert_int_equal(s.lanes[0].watched[0], 4);
    assert_int_equal(s.lanes[0].watched[3], 0x80);
    assert_false(s.lanes[0].has_barrier);
    assert_int_equal(s.lanes[1].id, 255);
    assert_string_equal(s.lanes[1].name, "12");
    assert_int_equal(s.lanes[1].watched[1], 1);
    assert_true(s.lanes[1].has_barrier);
    assert_int_equal(s.lanes[1].barrier.mode, MODE_RTU);
    assert_int_equal(s.lanes[1].barrier.baud_bps, 19200);
    assert_int_equal(s.lanes[1].barrier.timeout_ms, 1000);
    assert_int_equal(s.port_count, 2);
    assert_int_equal(s.ports[0], 9840);
    assert_false(s.strict);
    char ip[46];
    config_ip_format(&s.address, ip);
    assert_string_equal(ip, "2001:db8::1");
    assert_memory_equal(s.mac, "\x02\x00\x5e\x00\x53\x01", 6);
    assert_memory_equal(s.key, "\x00\xff\x10\xab", 4);
    assert_int_equal(s.offset_k, -40);
    assert_int_equal(s.start_minute, 22 * 60 + 30);
}

static void defaults_fill_what_is_not_written(void **state)
{
    (void)state;
    struct settings s;
    parse_ok("lanes:\n- id: 7\n", &s);
    assert_string_equal(s.lanes[0].name, "lane");
    assert_int_equal(s.lanes[0].kinds, 1);
    assert_false(s.lanes[0].has_barrier);
    assert_int_equal(s.lanes[0].barrier.baud_bps, 9600);
    assert_string_equal(s.lanes[0].barrier.path, "/dev/ttyS0");
    assert_int_equal(s.lanes[0].barrier.timeout_ms, 250);
    assert_true(s.strict);
    assert_int_equal(s.address.family, 0);
    assert_int_equal(s.start_minute, 360);
}

#define LANE "lanes: [{id: 1}]\n"

static void wrong_numbers(void **state)
{
    (void)state;
    const char *const wrong[] = {"3O", "5s", "010", "0x10", "+1", "1.0", "1e1", "1_0", "-0", "١"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        char text[64];
        char expected[160];
        snprintf(text, sizeof(text), "lanes:\n- id: %s\n", wrong[i]);
        snprintf(expected, sizeof(expected),
                 "c.yaml:2: lanes[0].id = '%s': not a whole number, expected 1 to 255", wrong[i]);
        expect_error(text, expected);
    }
    expect_error("lanes:\n- id: 256\n",
                 "c.yaml:2: lanes[0].id = '256': out of range, expected 1 to 255");
    expect_error(
        "lanes:\n- id: 99999999999999999999\n",
        "c.yaml:2: lanes[0].id = '99999999999999999999': not a whole number, expected 1 to "
        "255");
    expect_error("lanes:\n- id: '1'\n",
                 "c.yaml:2: lanes[0].id = '1': quoted text, expected 1 to 255");
    expect_error("lanes:\n- id:\n", "c.yaml:2: lanes[0].id = '': no value, expected 1 to 255");
    expect_error("lanes:\n- id: ~\n", "c.yaml:2: lanes[0].id = '~': no value, expected 1 to 255");
    expect_error("lanes:\n- id: [1]\n", "c.yaml:2: lanes[0].id: a list, expected 1 to 255");
    expect_error("lanes:\n- id: {a: 1}\n", "c.yaml:2: lanes[0].id: a section, expected 1 to 255");
    expect_error(LANE "offset: -41\n",
                 "c.yaml:2: offset = '-41': out of range, expected -40 to 85 K");
}

static void the_error_of_the_conventions_page(void **state)
{
    (void)state;
    expect_error("lanes:\n- id: 1\n- id: 2\n- id: 3\n  barrier:\n    mode: rtu\n    baud: 9601\n",
                 "c.yaml:7: lanes[2].barrier.baud = '9601': not a standard rate, expected one of "
                 "9600, 19200, 38400 bit/s");
}

static void wrong_values_of_other_kinds(void **state)
{
    (void)state;
    const char *const no_switch[] = {"yes", "no", "on", "True", "1"};
    for (size_t i = 0; i < sizeof(no_switch) / sizeof(no_switch[0]); i++) {
        char text[64];
        char expected[128];
        snprintf(text, sizeof(text), LANE "strict: %s\n", no_switch[i]);
        snprintf(expected, sizeof(expected),
                 "c.yaml:2: strict = '%s': not a switch, expected true or false", no_switch[i]);
        expect_error(text, expected);
    }
    expect_error("lanes:\n- {id: 1, barrier: {mode: udp}}\n",
                 "c.yaml:2: lanes[0].barrier.mode = 'udp': not a bus, expected one of tcp, rtu");
    expect_error("lanes:\n- {id: 1, kinds: [car, tram]}\n",
                 "c.yaml:2: lanes[0].kinds[1] = 'tram': not a vehicle kind, expected some of car, "
                 "lorry, bus");
    expect_error("lanes:\n- {id: 1, kinds: []}\n",
                 "c.yaml:2: lanes[0].kinds: an empty list, expected at least one value");
    expect_error("lanes:\n- {id: 1, watched: 32}\n",
                 "c.yaml:2: lanes[0].watched = '32': out of range, expected 1 to 31");
    expect_error("lanes:\n- {id: 1, name: ''}\n",
                 "c.yaml:2: lanes[0].name = '': empty, expected text of 1 to 15 bytes");
    expect_error("lanes:\n- {id: 1, name: 一二三四五六}\n",
                 "c.yaml:2: lanes[0].name = '一二三四五六': too long, expected text of 1 to 15 "
                 "bytes");
    expect_error("lanes:\n- {id: 1, name: \"a\\tb\"}\n",
                 "c.yaml:2: lanes[0].name = 'a?b': a control character, expected text of 1 to 15 "
                 "bytes");
    expect_error("lanes:\n- {id: 1, barrier: {mode: tcp, path: tty}}\n",
                 "c.yaml:2: lanes[0].barrier.path = 'tty': not an absolute path, expected an "
                 "absolute path of at most 31 bytes");
    expect_error("lanes:\n- {id: 1, barrier: {mode: tcp, path: /dev/../x}}\n",
                 "c.yaml:2: lanes[0].barrier.path = '/dev/../x': not an absolute path, expected an "
                 "absolute path of at most 31 bytes");
    expect_error(LANE "address: 192.0.2\n",
                 "c.yaml:2: address = '192.0.2': not an IP address, expected an address like "
                 "192.0.2.1 or 2001:db8::1");
    expect_error(LANE "mac: 02-00-5e-00-53-01\n",
                 "c.yaml:2: mac = '02-00-5e-00-53-01': not a MAC address, expected six bytes like "
                 "02:00:5e:00:53:01");
    expect_error(LANE "key: 00ff10\n",
                 "c.yaml:2: key = '00ff10': not hexadecimal, expected 8 hex digits");
    expect_error(LANE "start: 6\n",
                 "c.yaml:2: start = '6': not a time of day, expected like 22:30");
    expect_error(LANE "ports: [1, 2, 3]\n", "c.yaml:2: ports: 3 items, expected 0 to 2");
    expect_error(LANE "ports: 1\n",
                 "c.yaml:2: ports = '1': not a list, expected items that begin with '-'");
    expect_error(LANE "ports: [1, 70000]\n",
                 "c.yaml:2: ports[1] = '70000': out of range, expected 1 to 65535");
}

static void wrong_durations(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        const char *reason;
    } wrong[] = {
        {"250", "no unit (ms, s, min, h, d)"},
        {"250 ms", "no known unit (ms, s, min, h, d)"},
        {"1m", "no known unit (ms, s, min, h, d)"},
        {"6s", "out of range"},
        {"9ms", "out of range"},
        {"999999999999999999d", "out of range"},
        {"-1s", "not a duration"},
        {"fast", "not a duration"},
        {"00s", "not a duration"},
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        char text[96];
        char expected[200];
        snprintf(text, sizeof(text), "lanes:\n- id: 1\n  barrier: {mode: tcp, timeout: %s}\n",
                 wrong[i].value);
        snprintf(expected, sizeof(expected),
                 "c.yaml:3: lanes[0].barrier.timeout = '%s': %s, expected 10ms to 5s",
                 wrong[i].value, wrong[i].reason);
        expect_error(text, expected);
    }
}

static void keys_unknown_double_missing(void **state)
{
    (void)state;
    expect_error("lanes:\n- id: 1\n  barier: {mode: tcp}\n",
                 "c.yaml:3: lanes[0].barier: unknown key, did you mean 'barrier'?");
    expect_error(LANE "colour: red\n",
                 "c.yaml:2: colour: unknown key, expected one of lanes, ports, strict, address, "
                 "mac, key, offset, start");
    expect_error("lanes:\n- id: 1\n  name: a\n  id: 2\n",
                 "c.yaml:4: lanes[0].id: given twice, first in line 2");
    expect_error("lanes:\n- name: a\n", "c.yaml:2: lanes[0].id: missing, expected 1 to 255");
    expect_error("strict: true\n", "c.yaml:1: lanes: missing, expected a list");
    expect_error("lanes:\n- {id: 1, barrier: {baud: 9600}}\n",
                 "c.yaml:2: lanes[0].barrier.mode: missing, expected one of tcp, rtu");
    expect_error("lanes:\n- id: 1\n- id: 2\n- id: 1\n",
                 "c.yaml:4: lanes[2].id = '1': already given to lanes[0], expected another");
    expect_error("lanes: []\n", "c.yaml:1: lanes: 0 items, expected 1 to 3");
    expect_error("[a, b]: 1\n", "c.yaml:1: a key that is no text");
    expect_error("lanes:\n- 1\n",
                 "c.yaml:2: lanes[0] = '1': not a section, expected lines like 'key: value'");
}

static void relations_are_refused_by_a_check(void **state)
{
    (void)state;
    expect_error("lanes:\n- id: 1\n  barrier:\n    mode: rtu\n    timeout: 2s\n",
                 "c.yaml:5: lanes[0].barrier.timeout = '2s': too slow for mode rtu, expected at "
                 "most 1s");
}

static void yaml_features_that_hide_things_are_refused(void **state)
{
    (void)state;
    expect_error("lanes: &a\n- id: 1\n", "c.yaml:1: an anchor (&name), expected none");
    expect_error("lanes: *a\n", "c.yaml:1: an alias (*name), expected the value itself");
    expect_error("lanes:\n- id: !!int 1\n", "c.yaml:2: a tag (!name), expected none");
    expect_error(LANE "---\n" LANE, "c.yaml:2: a second document, expected one");
    expect_error("", "c.yaml:1: an empty file, expected options");
    expect_error("# nothing\n", "c.yaml:1: an empty file, expected options");
    expect_error("a: b: c\n", "c.yaml:1: not YAML: mapping values are not allowed in this context");
    expect_error("\xff\xfe", "c.yaml:1: not UTF-8 text: invalid leading UTF-8 octet");
    expect_error(LANE "strict: \xff\n", "c.yaml:2: not UTF-8 text: invalid leading UTF-8 octet");
    expect_error("lanes:\n- {id: 1, name: \"a\\0b\"}\n", "c.yaml:2: a NUL character in a value");
    expect_error("[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]\n",
                 "c.yaml:1: more than 16 levels inside each other");
}

static void limits_hold(void **state)
{
    (void)state;
    static char big[CONFIG_FILE_MAX_BYTES + 2];
    memset(big, '#', sizeof(big) - 1);
    expect_error(big, "c.yaml: 1048577 bytes, limit 1048576");
    memset(big, ' ', sizeof(big) - 1);
    memcpy(big, "a: [", 4);
    for (size_t i = 0; i <= CONFIG_NODES_MAX; i++) {
        memcpy(big + 4 + 2 * i, "1,", 2);
    }
    memcpy(big + 4 + 2 * (CONFIG_NODES_MAX + 1), "]\n", 3);
    expect_error(big, "c.yaml:1: more than 50000 values");
    memset(big, 'x', 4100);
    memcpy(big, "a: ", 3);
    big[4100] = '\0';
    expect_error(big, "c.yaml:1: a value of more than 4096 bytes");
    memset(big, 'x', 100);
    memcpy(big, "strict: ", 8);
    memcpy(big + 100, "\n" LANE, sizeof("\n" LANE));
    expect_error(big,
                 "c.yaml:1: strict = 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
                 "…': not a switch, expected true or false");
}

static void a_missing_file_is_named(void **state)
{
    (void)state;
    struct settings s;
    struct err_text err;
    assert_int_equal(config_load("/nonexistent/c.yaml", &root, &s, &err), ERR_NOT_FOUND);
    assert_string_equal(err.text, "/nonexistent/c.yaml: No such file or directory");
}

static void a_file_is_loaded(void **state)
{
    (void)state;
    char path[] = "/tmp/config-test-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    FILE *file = fdopen(fd, "w");
    fputs(LANE, file);
    fclose(file);
    struct settings s;
    struct err_text err;
    assert_int_equal(config_load(path, &root, &s, &err), ERR_OK);
    assert_int_equal(s.lanes[0].id, 1);
    remove(path);
}

static void the_table_prints_itself(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    config_print(&root, file);
    fclose(file);
    assert_non_null(strstr(text, "lanes[]: list of 1 to 3; required\n    The lanes.\n"
                                 "lanes[].id: 1 to 255; required\n    Lane number.\n"));
    assert_non_null(strstr(text, "lanes[].barrier.baud: one of 9600, 19200, 38400 bit/s; default "
                                 "9600\n    Line rate.\n"));
    assert_non_null(strstr(text, "ports[]: list of 0 to 2, each 1 to 65535\n"));
    assert_non_null(strstr(text, "lanes[].watched: 1 to 31, one or a list; optional\n"));
    free(text);
}

static void expect_bad_table(const struct config_option *row, const char *expected)
{
    struct err_text err = {""};
    struct config_section section = {.options = row, .option_count = 1, .size = 64};
    assert_int_equal(config_section_check(&section, &err), ERR_INVALID);
    assert_string_equal(err.text, expected);
}

static void expect_blame(const char *path, const char *fault, const char *expected)
{
    char whole[sizeof(((struct err_text *)0)->text) + 64];
    struct err_text err;
    (void)err_set(&err, ERR_IO, "%s", fault);
    config_blame(path, &root, &err);
    (void)snprintf(whole, sizeof(whole), "%s%s", path, expected);
    assert_string_equal(err.text, whole);
}

static void a_fault_found_later_is_traced_to_its_option(void **state)
{
    (void)state;
    char path[] = "/tmp/checkpoint.config.XXXXXX";
    int fd = mkstemp(path);
    const char *text = "ports: [9840]\n"
                       "lanes:\n"
                       "- {id: 1, name: north, barrier: {mode: rtu, path: /dev/ttyS1}}\n"
                       "- id: 2\n"
                       "  barrier:\n"
                       "    mode: rtu\n"
                       "    path: /dev/ttyS2\n";
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    expect_blame(path, "/dev/ttyS2: No such file",
                 ":7: lanes[1].barrier.path = '/dev/ttyS2': No such file");
    expect_blame(path, "/dev/ttyS2/x.pem:3: no key",
                 ":7: lanes[1].barrier.path = '/dev/ttyS2': /dev/ttyS2/x.pem:3: no key");
    expect_blame(path, "lane 'north': twice", ":3: lanes[0].name = 'north': lane 'north': twice");
    expect_blame(path, "'north': twice", ":3: lanes[0].name = 'north': twice");
    expect_blame(path, "lanes[1]: '/dev/ttyS1' taken", ":4: lanes[1]: '/dev/ttyS1' taken");
    expect_blame(path, "lanes[1].barrier.mode: no such bus",
                 ":6: lanes[1].barrier.mode = 'rtu': no such bus");
    expect_blame(path, "north: a name alone is no place", ": north: a name alone is no place");
    expect_blame(path, "/dev/ttyS22: another path", ": /dev/ttyS22: another path");
    unlink(path);
    expect_blame(path, "lanes[1]: gone meanwhile", ": lanes[1]: gone meanwhile");
}

static void a_wrong_table_is_found(void **state)
{
    (void)state;
    struct err_text err = {""};
    assert_int_equal(config_section_check(&root, &err), ERR_OK);
    expect_bad_table(&(struct config_option){.key = "a", .kind = CONFIG_INT, .size = 1, .max = 256},
                     "table row 'a': range does not fit the member");
    expect_bad_table(
        &(struct config_option){
            .key = "a", .kind = CONFIG_INT, .size = 1, .max = 9, .help = "x", .fallback = "10"},
        "table row 'a': default '10': out of range, expected 0 to 9");
    expect_bad_table(&(struct config_option){.key = "a", .kind = CONFIG_BOOL, .size = 4},
                     "table row 'a': member is no bool");
    expect_bad_table(&(struct config_option){.key = "a", .kind = CONFIG_BOOL, .size = 1},
                     "table row 'a': no help");
    expect_bad_table(
        &(struct config_option){
            .key = "a", .kind = CONFIG_INT, .size = 8, .offset = 60, .help = "x"},
        "table row 'a': member outside the struct");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_is_read),
        cmocka_unit_test(defaults_fill_what_is_not_written),
        cmocka_unit_test(wrong_numbers),
        cmocka_unit_test(the_error_of_the_conventions_page),
        cmocka_unit_test(wrong_values_of_other_kinds),
        cmocka_unit_test(wrong_durations),
        cmocka_unit_test(keys_unknown_double_missing),
        cmocka_unit_test(relations_are_refused_by_a_check),
        cmocka_unit_test(yaml_features_that_hide_things_are_refused),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(a_missing_file_is_named),
        cmocka_unit_test(a_file_is_loaded),
        cmocka_unit_test(the_table_prints_itself),
        cmocka_unit_test(a_fault_found_later_is_traced_to_its_option),
        cmocka_unit_test(a_wrong_table_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
