/*
 * One value of the file -> one member. Strict: no sign tricks, no leading zeros, no yes/no, no
 * number without its unit where the row is a duration. No state.
 */
#include "gateway/config/scalar.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "gateway/base/encode.h"

static const struct {
    const char *suffix;
    int64_t ms;
} duration_units[] = {{"d", 86400000}, {"h", 3600000}, {"min", 60000}, {"s", 1000}, {"ms", 1}};

enum { DURATION_UNITS = sizeof(duration_units) / sizeof(duration_units[0]) };

bool scalar_range_fits(int64_t min, int64_t max, size_t size)
{
    if (size == 8) {
        return true;
    }
    int64_t half = INT64_C(1) << (8 * size - 1);
    return min < 0 ? min >= -half && max < half : max < 2 * half;
}

void scalar_range(const struct config_option *option, int64_t *out_min, int64_t *out_max)
{
    *out_min = option->min;
    *out_max = option->max;
    if (option->min == 0 && option->max == 0) {
        *out_max = option->kind == CONFIG_NUMBERS ? (int64_t)option->size * 8 - 1
                   : option->size >= 4            ? INT32_MAX
                                                  : (INT64_C(1) << (8 * option->size)) - 1;
    }
}

static void store_int(void *member, size_t size, int64_t value)
{
    uint8_t u8 = (uint8_t)value;
    uint16_t u16 = (uint16_t)value;
    uint32_t u32 = (uint32_t)value;
    switch (size) {
    case 1:
        memcpy(member, &u8, size);
        break;
    case 2:
        memcpy(member, &u16, size);
        break;
    case 4:
        memcpy(member, &u32, size);
        break;
    default:
        memcpy(member, &value, sizeof(value));
        break;
    }
}

static uint64_t load_uint(const void *member, size_t size)
{
    uint8_t u8;
    uint16_t u16;
    uint32_t u32;
    uint64_t u64;
    switch (size) {
    case 1:
        memcpy(&u8, member, size);
        return u8;
    case 2:
        memcpy(&u16, member, size);
        return u16;
    case 4:
        memcpy(&u32, member, size);
        return u32;
    default:
        memcpy(&u64, member, sizeof(u64));
        return u64;
    }
}

/* Appends; what does not fit is cut. */
static void append(char *out, size_t size, size_t *at, const char *fmt, ...) PRINTF_LIKE(4, 5);
static void append(char *out, size_t size, size_t *at, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(out + *at, size - *at, fmt, args);
    va_end(args);
    *at += n < 0 ? 0 : (size_t)n;
    *at = *at < size ? *at : size - 1;
}

static void append_duration(char *out, size_t size, size_t *at, int64_t ms)
{
    for (size_t i = 0; i < DURATION_UNITS; i++) {
        if (ms % duration_units[i].ms == 0 && (ms != 0 || duration_units[i].ms == 1)) {
            append(out, size, at, "%" PRId64 "%s", ms / duration_units[i].ms,
                   duration_units[i].suffix);
            return;
        }
    }
}

static void expect_number(const struct config_option *option, char *out, size_t size)
{
    size_t at = 0;
    int64_t min;
    int64_t max;
    scalar_range(option, &min, &max);
    if (option->only_count > 0) {
        append(out, size, &at, "one of ");
        for (size_t i = 0; i < option->only_count; i++) {
            append(out, size, &at, "%s%" PRId64, i ? ", " : "", option->only[i]);
        }
    } else if (option->kind == CONFIG_DURATION) {
        append_duration(out, size, &at, min);
        append(out, size, &at, " to ");
        append_duration(out, size, &at, max);
    } else {
        append(out, size, &at, "%" PRId64 " to %" PRId64, min, max);
    }
    if (option->unit) {
        append(out, size, &at, " %s", option->unit);
    }
}

static void expect_names(const struct config_option *option, char *out, size_t size)
{
    size_t at = 0;
    append(out, size, &at, option->kind == CONFIG_ENUM ? "one of " : "some of ");
    for (const struct config_name *name = option->names; name->name; name++) {
        append(out, size, &at, "%s%s", name == option->names ? "" : ", ", name->name);
    }
}

static size_t text_max(const struct config_option *option)
{
    return option->max > 0 ? (size_t)option->max : option->size - 1;
}

void scalar_expect(const struct config_option *option, char out[CONFIG_EXPECT_SIZE])
{
    size_t at = 0;
    switch (option->kind) {
    case CONFIG_STRING:
        append(out, CONFIG_EXPECT_SIZE, &at, "text of %" PRId64 " to %zu bytes", option->min,
               text_max(option));
        break;
    case CONFIG_PATH:
        append(out, CONFIG_EXPECT_SIZE, &at, "an absolute path of at most %zu bytes",
               option->size - 1);
        break;
    case CONFIG_INT:
    case CONFIG_NUMBERS:
    case CONFIG_DURATION:
        expect_number(option, out, CONFIG_EXPECT_SIZE);
        break;
    case CONFIG_BOOL:
        append(out, CONFIG_EXPECT_SIZE, &at, "true or false");
        break;
    case CONFIG_ENUM:
    case CONFIG_SET:
    case CONFIG_FLAGS:
        expect_names(option, out, CONFIG_EXPECT_SIZE);
        break;
    case CONFIG_IP:
        append(out, CONFIG_EXPECT_SIZE, &at, "an address like 192.0.2.1 or 2001:db8::1");
        break;
    case CONFIG_MAC:
        append(out, CONFIG_EXPECT_SIZE, &at, "six bytes like 02:00:5e:00:53:01");
        break;
    case CONFIG_HEX:
        append(out, CONFIG_EXPECT_SIZE, &at, "%zu hex digits", 2 * option->size);
        break;
    case CONFIG_CUSTOM:
        append(out, CONFIG_EXPECT_SIZE, &at, "%s", option->what ? option->what : "a value");
        break;
    case CONFIG_SECTION:
        append(out, CONFIG_EXPECT_SIZE, &at, "a section");
        break;
    case CONFIG_LIST:
        append(out, CONFIG_EXPECT_SIZE, &at, "a list");
        break;
    }
}

static int refuse(const struct config_option *option, struct err_text *reason, const char *why)
{
    char expect[CONFIG_EXPECT_SIZE];
    scalar_expect(option, expect);
    return err_set(reason, ERR_INVALID, "%s, expected %s", why, expect);
}

static int refuse_what(const struct config_option *option, struct err_text *reason,
                       const char *otherwise)
{
    char why[96];
    (void)snprintf(why, sizeof(why), "not %s", option->what ? option->what : otherwise); /* cut */
    return refuse(option, reason, why);
}

/* Digits without leading zeros, at most 18 of them, into *out; returns how many characters. */
static size_t take_digits(const char *text, int64_t *out)
{
    size_t n = 0;
    int64_t value = 0;
    while (text[n] >= '0' && text[n] <= '9' && n < 18) {
        value = value * 10 + (text[n] - '0');
        n++;
    }
    if (n > 1 && text[0] == '0') {
        return 0;
    }
    *out = value;
    return n;
}

static int store_number(const struct config_option *option, const char *text, int64_t *out,
                        struct err_text *reason)
{
    int64_t value;
    int64_t min;
    int64_t max;
    bool negative = text[0] == '-';
    size_t n = take_digits(text + negative, &value);
    if (n == 0 || text[n + negative] != '\0' || (negative && value == 0)) {
        return refuse(option, reason, "not a whole number");
    }
    value = negative ? -value : value;
    if (option->only_count > 0) {
        for (size_t i = 0; i < option->only_count; i++) {
            if (option->only[i] == value) {
                *out = value;
                return ERR_OK;
            }
        }
        return refuse_what(option, reason, "one of the allowed numbers");
    }
    scalar_range(option, &min, &max);
    if (value < min || value > max) {
        return refuse(option, reason, "out of range");
    }
    *out = value;
    return ERR_OK;
}

static int store_duration(const struct config_option *option, const char *text, void *member,
                          struct err_text *reason)
{
    int64_t count;
    int64_t ms;
    int64_t min;
    int64_t max;
    size_t n = take_digits(text, &count);
    if (n == 0) {
        return refuse(option, reason, "not a duration");
    }
    if (text[n] == '\0') {
        return refuse(option, reason, "no unit (ms, s, min, h, d)");
    }
    scalar_range(option, &min, &max);
    for (size_t i = 0; i < DURATION_UNITS; i++) {
        if (strcmp(text + n, duration_units[i].suffix) != 0) {
            continue;
        }
        if (__builtin_mul_overflow(count, duration_units[i].ms, &ms) || ms < min || ms > max) {
            return refuse(option, reason, "out of range");
        }
        store_int(member, option->size, ms);
        return ERR_OK;
    }
    return refuse(option, reason, "no known unit (ms, s, min, h, d)");
}

static int store_name(const struct config_option *option, const char *text, void *member,
                      struct err_text *reason)
{
    for (const struct config_name *name = option->names; name->name; name++) {
        if (strcmp(name->name, text) == 0) {
            uint64_t value = (uint64_t)name->value;
            if (option->kind != CONFIG_ENUM) {
                value = (option->kind == CONFIG_FLAGS ? UINT64_C(1) << value : value) |
                        load_uint(member, option->size);
            }
            store_int(member, option->size, (int64_t)value);
            return ERR_OK;
        }
    }
    return refuse_what(option, reason, "a known name");
}

static bool path_climbs(const char *text)
{
    for (const char *at = strstr(text, "/.."); at; at = strstr(at + 3, "/..")) {
        if (at[3] == '/' || at[3] == '\0') {
            return true;
        }
    }
    return false;
}

static int store_text(const struct config_option *option, const struct scalar *scalar, void *member,
                      struct err_text *reason)
{
    for (size_t i = 0; i < scalar->length; i++) {
        if ((unsigned char)scalar->text[i] < 0x20 || scalar->text[i] == 0x7F) {
            return refuse(option, reason, "a control character");
        }
    }
    if (option->kind == CONFIG_PATH && (scalar->text[0] != '/' || path_climbs(scalar->text))) {
        return refuse(option, reason, "not an absolute path");
    }
    if (scalar->length > text_max(option)) {
        return refuse(option, reason, "too long");
    }
    if ((int64_t)scalar->length < option->min) {
        return refuse(option, reason, scalar->length == 0 ? "empty" : "too short");
    }
    memset(member, 0, option->size);
    memcpy(member, scalar->text, scalar->length);
    return ERR_OK;
}

static int store_ip(const struct config_option *option, const char *text, void *member,
                    struct err_text *reason)
{
    struct config_ip ip = {0};
    if (inet_pton(AF_INET, text, ip.bytes) == 1) {
        ip.family = 4;
    } else if (inet_pton(AF_INET6, text, ip.bytes) == 1) {
        ip.family = 6;
    } else {
        return refuse(option, reason, "not an IP address");
    }
    memcpy(member, &ip, sizeof(ip));
    return ERR_OK;
}

static int store_mac(const struct config_option *option, const struct scalar *scalar, void *member,
                     struct err_text *reason)
{
    char digits[13];
    uint8_t mac[6];
    bool shaped = scalar->length == 17;
    for (size_t i = 0; shaped && i < 6; i++) {
        digits[2 * i] = scalar->text[3 * i];
        digits[2 * i + 1] = scalar->text[3 * i + 1];
        shaped = i == 5 || scalar->text[3 * i + 2] == ':';
    }
    digits[12] = '\0';
    if (!shaped || hex_decode(digits, mac, sizeof(mac)) != ERR_OK) {
        return refuse(option, reason, "not a MAC address");
    }
    memcpy(member, mac, sizeof(mac));
    return ERR_OK;
}

static int store_custom(const struct config_option *option, const char *text, void *member,
                        struct err_text *reason)
{
    const char *why = option->parse(text, member);
    return why ? err_set(reason, ERR_INVALID, "%s", why) : ERR_OK;
}

static int store_bool(const struct config_option *option, const char *text, void *member,
                      struct err_text *reason)
{
    bool value = strcmp(text, "true") == 0;
    if (!value && strcmp(text, "false") != 0) {
        return refuse(option, reason, "not a switch");
    }
    memcpy(member, &value, sizeof(value));
    return ERR_OK;
}

static int store_numeric(const struct config_option *option, const char *text, void *member,
                         struct err_text *reason)
{
    int64_t value = 0;
    int rc = store_number(option, text, &value, reason);
    if (rc != ERR_OK) {
        return rc;
    }
    if (option->kind == CONFIG_NUMBERS) {
        ((uint8_t *)member)[value / 8] |= (uint8_t)(1u << (value % 8));
    } else {
        store_int(member, option->size, value);
    }
    return ERR_OK;
}

static bool is_text(enum config_kind kind)
{
    return kind == CONFIG_STRING || kind == CONFIG_PATH || kind == CONFIG_HEX ||
           kind == CONFIG_MAC || kind == CONFIG_IP || kind == CONFIG_CUSTOM;
}

int scalar_store(const struct config_option *option, const struct scalar *scalar, void *member,
                 struct err_text *reason)
{
    if (!scalar->quoted && (scalar->length == 0 || strcmp(scalar->text, "~") == 0 ||
                            strcmp(scalar->text, "null") == 0)) {
        return refuse(option, reason, "no value");
    }
    if (scalar->quoted && !is_text(option->kind)) {
        return refuse(option, reason, "quoted text");
    }
    switch (option->kind) {
    case CONFIG_STRING:
    case CONFIG_PATH:
        return store_text(option, scalar, member, reason);
    case CONFIG_INT:
    case CONFIG_NUMBERS:
        return store_numeric(option, scalar->text, member, reason);
    case CONFIG_BOOL:
        return store_bool(option, scalar->text, member, reason);
    case CONFIG_DURATION:
        return store_duration(option, scalar->text, member, reason);
    case CONFIG_ENUM:
    case CONFIG_SET:
    case CONFIG_FLAGS:
        return store_name(option, scalar->text, member, reason);
    case CONFIG_IP:
        return store_ip(option, scalar->text, member, reason);
    case CONFIG_MAC:
        return store_mac(option, scalar, member, reason);
    case CONFIG_HEX:
        if (hex_decode(scalar->text, member, option->size) != ERR_OK) {
            return refuse(option, reason, "not hexadecimal");
        }
        return ERR_OK;
    case CONFIG_CUSTOM:
        return store_custom(option, scalar->text, member, reason);
    case CONFIG_SECTION:
    case CONFIG_LIST:
        break;
    }
    return refuse(option, reason, "a single value");
}

void config_ip_format(const struct config_ip *ip, char out[46])
{
    if (ip->family == 0 || !inet_ntop(ip->family == 4 ? AF_INET : AF_INET6, ip->bytes, out, 46)) {
        out[0] = '\0';
    }
}
