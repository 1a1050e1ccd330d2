/* Any bytes on the serial line, in pieces of any size: bounded, sound, and a whole message behind
 * them always comes through. The first byte gives the size of the pieces. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "drivers/wire/serial_line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int feed(struct serial_line *line, const uint8_t *data, size_t size, size_t step)
{
    struct plate_read read;
    uint32_t id;
    int reads = 0;
    for (size_t at = 0; at < size;) {
        size_t piece = size - at < step ? size - at : step;
        size_t taken = serial_line_feed(line, data + at, piece);
        assert(taken > 0);
        at += taken;
        while (serial_line_next(line, &read, &id) == 0) {
            read.lane = 1; /* the caller knows it */
            assert(plate_read_check(&read, NULL) == 0);
            reads++;
        }
    }
    return reads;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct serial_line line;
    uint8_t message[SERIAL_MESSAGE_MAX];
    if (size == 0)
        return 0;
    serial_line_init(&line, PLATE_DASH_AUTO);
    (void)feed(&line, data + 1, size - 1, (size_t)data[0] + 1); /* any number of reads */
    for (size_t left = line.used; left > 0; left = line.used) {
        serial_line_quiet(&line);
        assert(line.used < left);
    }
    size_t message_size = serial_line_encode(5, "A", 1, message);
    int reads = feed(&line, message, message_size, sizeof message);
    assert(reads == 1 && line.used == 0);
    return 0;
}
