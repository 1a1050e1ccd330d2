/* Any bytes as a frame under the quick look: it never disagrees with the full decode. Checksums are
 * put right first, so that the bytes behind them get somewhere. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/drivers/wire/frame_builder.h"
#include "tests/unit/gateway/capture/look_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Behind no VLAN tag alone: the frames with tags that decode are in the corpus. */
static void put_right(struct frame_builder *b)
{
    b->ip_at = 14;
    b->udp_at = 34;
    if (b->size < 42 || b->bytes[12] != 8 || b->bytes[14] != 0x45)
        return;
    fb_ipv4_checksum(b);
    fb_set16(b, b->udp_at + 6, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct look_ports ports = {{LOOK_CHECK_PORT, LOOK_CHECK_OTHER_PORT}, 2};
    static struct looked looked;
    static struct frame_builder b;
    if (size == 0 || size > sizeof b.bytes)
        return 0;
    memcpy(b.bytes, data, size);
    b.size = size;
    put_right(&b);
    uint8_t *copy = malloc(size);
    if (!copy)
        abort();
    memcpy(copy, b.bytes, size);
    const struct capture_frame frame = {.data = copy, .size_bytes = (uint32_t)size};
    capture_look(&ports, &frame, 1, &looked);
    static struct looked plain;
    capture_look_by(PLATE_QUICK_SCALAR, &ports, &frame, 1, &plain);
    assert(plain.key_count == looked.key_count && plain.keys[0] == looked.keys[0]);
    (void)look_check(&frame, 0, 1, &looked); /* whether it decodes is the bytes' say */
    free(copy);
    return 0;
}
