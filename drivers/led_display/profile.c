/* A sign's profile file and its frames. See profile.h. */
#include "drivers/led_display/profile.h"

#include <stdio.h>
#include <string.h>

#include "drivers/led_display/messages.h"
#include "drivers/wire/read_fields.h"
#include "gateway/base/bytes.h"
#include "gateway/base/encode.h"

/* A plate too wide for one line of two is broken here: 鲁H|12345. */
enum { PLATE_HEAD_CHARACTERS = 2 };

/* ---- the file ---- */

static const char *parse_bytes(const char *text, void *member)
{
    struct led_bytes out = {0};
    size_t digits = strlen(text);
    if (digits % 2 != 0 || digits / 2 > LED_BYTES_MAX ||
        hex_decode(text, out.bytes, digits / 2) != ERR_OK) {
        return "not bytes in hex, expected 1 to 16 of them like 0d0a";
    }
    out.size = (uint8_t)(digits / 2);
    *(struct led_bytes *)member = out;
    return NULL;
}

static const struct config_name encodings[] = {{"utf-8", TEXT_UTF8}, {"gbk", TEXT_GBK}, {NULL, 0}};
static const struct config_name checksums[] = {{"none", false}, {"xor", true}, {NULL, 0}};

#define COLOUR_ROW(message, key_)                                                                  \
    CONFIG_OPTION(struct led_colours, of[message], key_, CONFIG_CUSTOM, .parse = parse_bytes,      \
                  .help = "Bytes before the text of this message.")
#define PROFILE_ROW(member, key_, kind_, ...)                                                      \
    CONFIG_OPTION(struct led_profile, member, key_, kind_, __VA_ARGS__)

static const struct config_option colour_rows[] = {
    COLOUR_ROW(DISPLAY_WELCOME, "welcome"), COLOUR_ROW(DISPLAY_PLATE, "plate"),
    COLOUR_ROW(DISPLAY_PLEASE_WAIT, "please_wait"), COLOUR_ROW(DISPLAY_PLEASE_STOP, "please_stop"),
    COLOUR_ROW(DISPLAY_LANE_CLOSED, "lane_closed")};

static const struct config_section colours_section = {CONFIG_ROWS(colour_rows, struct led_colours)};

static const struct config_option profile_rows[] = {
    PROFILE_ROW(source, "source", CONFIG_STRING, .fallback = "",
                .help = "The document it was written from."),
    PROFILE_ROW(encoding, "encoding", CONFIG_ENUM, .names = encodings, .fallback = "gbk",
                .help = "Encoding of the text."),
    PROFILE_ROW(columns, "columns", CONFIG_INT, .required = true, .min = LED_COLUMNS_MIN,
                .max = LED_COLUMNS_MAX,
                .help = "Width of a line; a Chinese character takes two columns."),
    PROFILE_ROW(prefix, "prefix", CONFIG_CUSTOM, .parse = parse_bytes,
                .help = "Bytes in front of everything, hex."),
    PROFILE_ROW(suffix, "suffix", CONFIG_CUSTOM, .parse = parse_bytes,
                .help = "Bytes behind everything, hex."),
    PROFILE_ROW(line_break, "line_break", CONFIG_CUSTOM, .parse = parse_bytes,
                .help = "Bytes between two lines, hex; without it the sign has one line."),
    PROFILE_ROW(address, "address", CONFIG_BOOL, .fallback = "false",
                .help = "The sign's address stands behind the prefix, one byte."),
    PROFILE_ROW(checksum, "checksum", CONFIG_ENUM, .names = checksums, .fallback = "none",
                .help = "xor: of address, colour and text, one byte before the suffix."),
    PROFILE_ROW(colours, "colours", CONFIG_SECTION, .section = &colours_section,
                .help =
                    "Bytes that choose a colour, or whatever else the sign takes before a text."),
    PROFILE_ROW(gap_ms, "gap", CONFIG_DURATION, .fallback = "200ms", .min = 0, .max = 5000,
                .help = "From one frame to the next."),
    PROFILE_ROW(repeat_ms, "repeat", CONFIG_DURATION, .fallback = "10s", .min = 0, .max = 3600000,
                .help = "Written again after this, for a sign that was without power; 0 = never.")};

/* ---- a message's text ---- */

/* Bytes of the first `characters` of valid UTF-8. */
static size_t head_bytes(const char *text, size_t characters)
{
    size_t at = 0;
    while (text[at] != '\0' && characters > 0) {
        at++;
        while (((uint8_t)text[at] & 0xC0) == 0x80) {
            at++;
        }
        characters--;
    }
    return at;
}

static size_t columns_of(const char *text, size_t bytes)
{
    size_t columns = 0;
    for (size_t at = 0; at < bytes; at++) {
        uint8_t byte = (uint8_t)text[at];
        columns += byte < 0x80    ? 1
                   : byte >= 0xC0 ? 2
                                  : 0; /* of a character, its first byte counts */
    }
    return columns;
}

struct text_line {
    const char *text; /* UTF-8 */
    size_t size;      /* bytes */
};

/* Its lines; returns how many, 0 for a plate that is none. */
static size_t lines_of(const struct led_profile *profile, const struct display_show *show,
                       struct text_line out[MESSAGE_LINES_MAX])
{
    size_t count = 0;
    if (show->message != DISPLAY_PLATE) {
        const struct message_text *message = &display_messages[show->message];
        while (count < MESSAGE_LINES_MAX && message->lines[count]) {
            out[count] = (struct text_line){message->lines[count], strlen(message->lines[count])};
            count++;
        }
        return count;
    }
    size_t size = strnlen(show->plate, sizeof(show->plate));
    if (size == 0 || size == sizeof(show->plate) ||
        !read_text_valid((const uint8_t *)show->plate, size)) {
        return 0;
    }
    if (profile->line_break.size == 0 || columns_of(show->plate, size) <= profile->columns) {
        out[0] = (struct text_line){show->plate, size};
        return 1;
    }
    size_t head = head_bytes(show->plate, PLATE_HEAD_CHARACTERS);
    out[0] = (struct text_line){show->plate, head};
    out[1] = (struct text_line){show->plate + head, size - head};
    return 2;
}

/* Whether the sign has room for them. */
static bool lines_fit(const struct led_profile *profile, const struct text_line *lines,
                      size_t count)
{
    size_t whole = 0;
    for (size_t i = 0; i < count; i++) {
        size_t columns = columns_of(lines[i].text, lines[i].size);
        whole += columns + (i > 0);
        if (columns > profile->columns) {
            return false;
        }
    }
    return profile->line_break.size > 0 || whole <= profile->columns;
}

static int check_profile(void *section, const struct config_at *at, struct err_text *err)
{
    const struct led_profile *profile = section;
    for (int i = 0; i < DISPLAY_MESSAGE_COUNT; i++) {
        /* The widest plate: ten symbols, or nine of which two are Chinese. */
        struct display_show show = {.message = (enum display_message)i, .plate = "粤ZA1234港"};
        struct text_line lines[MESSAGE_LINES_MAX];
        size_t count = lines_of(profile, &show, lines);
        if (!lines_fit(profile, lines, count)) {
            return config_refuse(at, "columns", err, "too narrow for the message '%s', expected %s",
                                 display_messages[i].name,
                                 profile->line_break.size > 0 ? "at least 8 and two lines"
                                                              : "at least 15, or a line_break");
        }
    }
    return 0;
}

const struct config_section led_profile_section = {CONFIG_ROWS(profile_rows, struct led_profile),
                                                   .check = check_profile};

int led_profile_load(const char *path, struct led_profile *out, struct err_text *err)
{
    return config_load(path, &led_profile_section, out, err);
}

/* ---- frames ---- */

static void write_literal(struct byte_writer *w, const struct led_bytes *literal)
{
    byte_write_bytes(w, literal->bytes, literal->size);
}

static int write_text(struct byte_writer *w, const struct led_profile *profile,
                      struct text_converter *to_device, const struct text_line *lines, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint8_t text[LED_TEXT_MAX];
        size_t size = 0;
        int rc = text_convert(to_device, lines[i].text, lines[i].size, text, sizeof(text), &size);
        if (rc != ERR_OK) {
            return rc;
        }
        if (i > 0 && profile->line_break.size > 0) {
            write_literal(w, &profile->line_break);
        } else if (i > 0) {
            byte_write_u8(w, ' ');
        }
        byte_write_bytes(w, text, size);
    }
    return ERR_OK;
}

int led_frame_encode(const struct led_profile *profile, struct text_converter *to_device,
                     uint8_t address, const struct display_show *show, uint8_t *out,
                     size_t *out_size)
{
    struct text_line lines[MESSAGE_LINES_MAX];
    struct byte_writer w;
    uint8_t check = 0;
    if ((unsigned)show->message >= DISPLAY_MESSAGE_COUNT) {
        return ERR_INVALID;
    }
    size_t count = lines_of(profile, show, lines);
    if (count == 0) {
        return ERR_INVALID;
    }
    if (!lines_fit(profile, lines, count)) {
        return ERR_TOO_LARGE;
    }
    byte_writer_init(&w, out, LED_FRAME_MAX);
    write_literal(&w, &profile->prefix);
    if (profile->address) {
        byte_write_u8(&w, address);
    }
    write_literal(&w, &profile->colours.of[show->message]);
    int rc = write_text(&w, profile, to_device, lines, count);
    if (rc != ERR_OK || w.failed) {
        return rc != ERR_OK ? rc : ERR_TOO_LARGE;
    }
    for (size_t i = profile->prefix.size; i < w.at; i++) {
        check ^= out[i];
    }
    if (profile->checksum) {
        byte_write_u8(&w, check);
    }
    write_literal(&w, &profile->suffix);
    *out_size = w.at;
    return ERR_OK;
}
