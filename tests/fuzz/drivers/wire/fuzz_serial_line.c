/* Any bytes on a serial line in each framing, in pieces of any size: bounded, sound, and a whole
 * message behind them always comes through. The first byte gives the size of the pieces, the second
 * the framing and the encoding. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "drivers/wire/serial_line.h"

enum { FORMATS = 6 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const templates[] = {
    [SERIAL_PROTOCOLLED] = "{plate};{confidence};{class};{direction};{event}",
    [SERIAL_STX_ETX] = "{time:14}{skip:2}{plate}",
    [SERIAL_LINES] = "{plate}|{confidence}|{candidate}|{candidate_confidence}|{number}|{time}"};

/* Opened once: a conversion opened a million times would be all that is tested. */
static struct serial_line *line_of(unsigned which)
{
    static struct serial_format formats[FORMATS];
    static struct serial_line lines[FORMATS];
    if (!lines[which].format) {
        struct serial_format *format = &formats[which];
        format->framing = (enum serial_framing)(which / 2);
        format->encoding = which % 2 ? TEXT_GBK : TEXT_UTF8;
        format->form.trailing_optional = format->framing != SERIAL_STX_ETX;
        (void)memcpy(format->heartbeat, "ALIVE", sizeof "ALIVE");
        const char *wrong = text_template_compile(templates[format->framing], &format->form);
        assert(!wrong);
        int rc = serial_line_init(&lines[which], format, NULL);
        assert(rc == 0);
    }
    serial_line_restart(&lines[which]);
    return &lines[which];
}

static int feed(struct serial_line *line, const uint8_t *data, size_t size, size_t step)
{
    struct serial_message message;
    int reads = 0;
    for (size_t at = 0; at < size;) {
        size_t piece = size - at < step ? size - at : step;
        size_t taken = serial_line_feed(line, data + at, piece);
        assert(taken > 0);
        at += taken;
        while (serial_line_next(line, &message) == 0) {
            message.read.lane = 1; /* the caller knows it */
            assert(message.heartbeat || plate_read_check(&message.read, NULL) == 0);
            reads += !message.heartbeat;
        }
    }
    return reads;
}

/* A good message of that framing; returns its bytes. */
static size_t good_message(enum serial_framing framing, uint8_t out[SERIAL_MESSAGE_MAX])
{
    static const char stx_etx[] = "\x02"
                                  "2026112613030101A\x03";
    if (framing == SERIAL_PROTOCOLLED)
        return serial_line_encode(5, "A", 1, out);
    const char *text = framing == SERIAL_STX_ETX ? stx_etx : "A|9\n";
    memcpy(out, text, strlen(text));
    return strlen(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t message[SERIAL_MESSAGE_MAX];
    if (size < 2)
        return 0;
    struct serial_line *line = line_of(data[1] % FORMATS);
    enum serial_framing framing = line->format->framing;
    (void)feed(line, data + 2, size - 2, (size_t)data[0] + 1); /* any number of reads */
    if (framing == SERIAL_LINES)
        (void)feed(line, (const uint8_t *)"\n", 1, 1); /* what stood before was a line */
    for (size_t left = line->used; left > 0; left = line->used) {
        serial_line_quiet(line);
        assert(line->used < left);
    }
    size_t message_size = good_message(framing, message);
    int reads = feed(line, message, message_size, sizeof message);
    assert(reads == 1 && !serial_line_inside(line));
    return 0;
}
