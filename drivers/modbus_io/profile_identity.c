/*
 * Rows of a profile that say how its model is told from another, and what all rows of a profile
 * share. No state.
 */
#include <stdlib.h>
#include <string.h>

#include "drivers/bus/modbus_pdu.h"
#include "drivers/modbus_io/profile_rows.h"
#include "gateway/base/encode.h"

enum { HEX = 16, ANSWER_MAX_MAX = 254 };

/* ---- shared ---- */

const char *profile_parse_word(const char *text, void *member)
{
    static const char reason[] = "not a 16-bit number, expected 0 to 65535 or 0x0000 to 0xFFFF";
    bool hex = strncmp(text, "0x", 2) == 0;
    const char *digits = hex ? text + 2 : text;
    size_t length = strlen(digits);
    const char *allowed = hex ? "0123456789abcdefABCDEF" : "0123456789";
    bool padded = !hex && length > 1 && digits[0] == '0';
    if (length == 0 || length > (hex ? 4 : 5) || strspn(digits, allowed) != length || padded) {
        return reason;
    }
    unsigned long value = strtoul(digits, NULL, hex ? HEX : 10);
    if (value > UINT16_MAX) {
        return reason;
    }
    *(uint16_t *)member = (uint16_t)value;
    return NULL;
}

const struct config_name profile_read_names[] = {{"coils", MODBUS_READ_COILS},
                                                 {"discrete_inputs", MODBUS_READ_DISCRETE},
                                                 {"holding_registers", MODBUS_READ_HOLDING},
                                                 {"input_registers", MODBUS_READ_INPUT},
                                                 {NULL, 0}};

int profile_check_end(const struct config_at *at, uint16_t address, unsigned count,
                      struct err_text *err)
{
    return address + count > UINT16_MAX + 1u
               ? config_refuse(at, "address", err, "with %u of them beyond the last address 65535",
                               count)
               : 0;
}

/* A device's own text is compared as ASCII: what cannot be printed would never be found. */
static int check_text(const struct config_at *at, const char *key, const char *text,
                      struct err_text *err)
{
    for (const char *at_char = text; *at_char; at_char++) {
        if (*at_char < ' ' || *at_char > '~') {
            return config_refuse(at, key, err, "not ASCII, expected what the device answers");
        }
    }
    return 0;
}

/* ---- by registers ---- */

static const struct config_name answer_names[] = {{"value", PROBE_VALUE},
                                                  {"any", PROBE_ANY},
                                                  {"refused", PROBE_REFUSED},
                                                  {"text", PROBE_TEXT},
                                                  {NULL, 0}};

static const struct config_option probe_rows[] = {
    CONFIG_OPTION(struct profile_probe, what, "what", CONFIG_STRING, .min = 1, .required = true,
                  .help = "Its name in the alarm, with the manual's number."),
    CONFIG_OPTION(struct profile_probe, read, "read", CONFIG_ENUM, .names = profile_read_names,
                  .required = true, .help = "Where it is read."),
    WORD_ROW(struct profile_probe, address, "address", .required = true,
             .help = "As on the wire (from 0)."),
    CONFIG_OPTION(struct profile_probe, answer, "answer", CONFIG_ENUM, .names = answer_names,
                  .fallback = "value",
                  .help = "The value below; any value at all; refused: an exception; the text."),
    WORD_ROW(struct profile_probe, value, "value", .fallback = "0",
             .help = "What this model answers."),
    CONFIG_OPTION(struct profile_probe, count, "count", CONFIG_INT, .min = 1,
                  .max = PROFILE_VALUES_MAX, .fallback = "1",
                  .help = "answer: text: so many registers."),
    CONFIG_OPTION(struct profile_probe, text, "text", CONFIG_STRING, .min = 1,
                  .help = "answer: text: stands somewhere in them, two characters a register."),
    CONFIG_OPTION(struct profile_probe, required, "required", CONFIG_BOOL, .fallback = "true",
                  .help = "Whether a device without this address is another model.")};

static int check_probe(void *section, const struct config_at *at, struct err_text *err)
{
    const struct profile_probe *probe = section;
    bool text = probe->answer == PROBE_TEXT;
    bool registers = probe->read == MODBUS_READ_HOLDING || probe->read == MODBUS_READ_INPUT;
    if (text && !registers) {
        return config_refuse(at, "answer", err,
                             "a text of registers, expected read: "
                             "holding_registers or input_registers");
    }
    if (text != (probe->text[0] != '\0')) {
        return config_refuse(at, text ? "text" : "answer", err,
                             text ? "missing, expected what stands in the registers"
                                  : "not the 'text' that is given, expected answer: text");
    }
    if (!text && probe->count != 1) {
        return config_refuse(at, "count", err, "of a text, expected answer: text");
    }
    if (!registers && probe->value > 1) {
        return config_refuse(at, "value", err, "out of range for one bit, expected 0 or 1");
    }
    if (strlen(probe->text) > 2u * probe->count) {
        return config_refuse(at, "text", err,
                             "longer than %u registers, expected two characters "
                             "a register",
                             probe->count);
    }
    int rc = check_text(at, "text", probe->text, err);
    return rc ? rc : profile_check_end(at, probe->address, probe->count, err);
}

const struct config_section profile_probe_section = {CONFIG_ROWS(probe_rows, struct profile_probe),
                                                     .check = check_probe};

/* ---- by what the device says of itself ---- */

#define ANSWER_ROWS(type)                                                                          \
    CONFIG_OPTION(type, required, "required", CONFIG_BOOL, .fallback = "false",                    \
                  .help = "Whether a device without this function is another model."),             \
        CONFIG_OPTION(type, answer_max, "answer_max", CONFIG_INT, .min = IDENTITY_ANSWER_MIN,      \
                      .max = ANSWER_MAX_MAX, .fallback = "96",                                     \
                      .help = "Bytes of its answer; a longer one is refused.")

#define ID_ROW(object, key_, help_)                                                                \
    CONFIG_OPTION(struct profile_device_id, text[object], key_, CONFIG_STRING, .min = 1,           \
                  .help = (help_))

static const struct config_option device_id_rows[] = {
    ID_ROW(IDENTITY_VENDOR, "vendor", "Vendor, object 0; 'ACME*' for what begins so."),
    ID_ROW(IDENTITY_PRODUCT, "product", "Product code, object 1; the same."),
    ID_ROW(IDENTITY_REVISION, "revision", "Revision, object 2; the same."),
    ANSWER_ROWS(struct profile_device_id)};

static int check_device_id(void *section, const struct config_at *at, struct err_text *err)
{
    static const char *const keys[IDENTITY_OBJECTS] = {"vendor", "product", "revision"};
    const struct profile_device_id *id = section;
    bool any = false;
    for (size_t i = 0; i < IDENTITY_OBJECTS; i++) {
        int rc = check_text(at, keys[i], id->text[i], err);
        if (rc) {
            return rc;
        }
        any = any || id->text[i][0] != '\0';
    }
    return any ? 0
               : config_refuse(at, "vendor", err,
                               "missing, and product and revision too, "
                               "expected one of them");
}

const struct config_section profile_device_id_section = {
    CONFIG_ROWS(device_id_rows, struct profile_device_id), .check = check_device_id};

static const char *parse_bytes(const char *text, void *member)
{
    struct profile_bytes *bytes = member;
    size_t size = 0;
    if (hex_decode_spaced(text, bytes->data, sizeof(bytes->data), &size) != ERR_OK) {
        return "not bytes in hex, expected 1 to 8 such as 'B4 FF'";
    }
    bytes->size = (uint8_t)size;
    return NULL;
}

static const struct config_option server_id_rows[] = {
    CONFIG_OPTION(struct profile_server_id, id, "id", CONFIG_CUSTOM, .parse = parse_bytes,
                  .what = "bytes in hex", .help = "What its answer begins with, in hex: 'B4 FF'."),
    CONFIG_OPTION(struct profile_server_id, text, "text", CONFIG_STRING, .min = 1,
                  .help = "A text somewhere in its answer."),
    ANSWER_ROWS(struct profile_server_id)};

static int check_server_id(void *section, const struct config_at *at, struct err_text *err)
{
    const struct profile_server_id *id = section;
    if (id->id.size == 0 && id->text[0] == '\0') {
        return config_refuse(at, "id", err, "missing, and text too, expected one of them");
    }
    return check_text(at, "text", id->text, err);
}

const struct config_section profile_server_id_section = {
    CONFIG_ROWS(server_id_rows, struct profile_server_id), .check = check_server_id};
