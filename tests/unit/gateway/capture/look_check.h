/* What must hold of the quick look whatever bytes a frame has: its key is that of the full decode,
 * and every candidate is among its keys. Used by the unit test and by the fuzz target. */
#pragma once

#include <assert.h>
#include <stdint.h>

#include "drivers/wire/compact.h"
#include "drivers/wire/frame.h"
#include "gateway/capture/look.h"

enum { LOOK_CHECK_PORT = 9840, LOOK_CHECK_OTHER_PORT = 9842 };

static inline bool look_has_key(const struct looked *looked, size_t frame, size_t count,
                                plate_key key)
{
    for (size_t i = count; i < looked->key_count; i++)
        if (looked->owners[i - count] == frame && looked->keys[i] == key)
            return true;
    return false;
}

/* The frame at `index` of the burst that was looked at. Checksums that are wrong are taken as right
 * by the full way too: `data` must have none of UDP, and a right one of IPv4. True: the full way
 * decodes it. */
static inline bool look_check(const struct capture_frame *frames, size_t index, size_t count,
                              const struct looked *looked)
{
    static const struct frame_filter filter = {.ports = {LOOK_CHECK_PORT, LOOK_CHECK_OTHER_PORT},
                                               .port_count = 2};
    struct frame_info f;
    bool decoded = false;
    if (frame_parse(&filter, frames[index].data, frames[index].size_bytes, &f) != FRAME_OK)
        return false;
    for (int dash = PLATE_DASH_AUTO; dash <= PLATE_DASH_IS_UNREAD; dash++) {
        struct plate_read read;
        struct compact_info info;
        if (compact_decode(f.payload, f.payload_size, (enum plate_dash)dash, &read, &info) !=
            COMPACT_OK)
            continue;
        decoded = true;
        if (looked->keys[index] == 0) /* asked in full */
            continue;
        assert(read.kind == PLATE_KEY && read.key == looked->keys[index]);
        for (int i = 0; i < read.candidate_count; i++)
            assert(look_has_key(looked, index, count, read.candidates[i].key));
    }
    return decoded;
}
