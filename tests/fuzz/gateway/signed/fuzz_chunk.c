/*
 * A chunk of a snapshot under a manifest that fits it: bit 0 of the first byte chooses zstd, four
 * bytes give the decoded size, two the number of entries, the rest is stored. A decoded chunk's
 * texts must lie inside it.
 */
#include <assert.h>
#include <string.h>

#include "gateway/signed/snapshot.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HEAD_SIZE = 7 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct snapshot_chunk chunk = {.encoding = CHUNK_IDENTITY};
    struct snapshot_part part;
    struct snapshot_reader reader;
    struct err_text err = {""};
    if (size < HEAD_SIZE)
        return 0;
    const uint8_t *stored = data + HEAD_SIZE;
    chunk.size_bytes = (uint32_t)(size - HEAD_SIZE);
    if (data[0] & 1)
        chunk.encoding = CHUNK_ZSTD;
    chunk.raw_size_bytes = chunk.encoding == CHUNK_ZSTD
                               ? ((uint32_t)data[1] | (uint32_t)data[2] << 8 |
                                  (uint32_t)data[3] << 16 | (uint32_t)data[4] << 24) %
                                     (SNAPSHOT_CHUNK_RAW_MAX + 1)
                               : chunk.size_bytes;
    chunk.entry_count = (uint32_t)data[5] | (uint32_t)data[6] << 8;
    if (hash_bytes(stored, chunk.size_bytes, chunk.hash) != 0)
        return 0;
    struct snapshot snapshot = {.revision = 1,
                                .entry_count = chunk.entry_count,
                                .max_id = UINT64_MAX >> 1,
                                .chunk_count = 1,
                                .chunks = &chunk,
                                .clerk_count = 2};
    snapshot_read_begin(&reader, &snapshot);
    if (snapshot_read_chunk(&reader, stored, chunk.size_bytes, true, &part, &err) != 0) {
        assert(err.text[0]);
        return 0;
    }
    assert(part.count == chunk.entry_count);
    for (size_t i = 0; i < part.count; i++) {
        const uint8_t *at = (const uint8_t *)part.items[i].text;
        assert(at >= part.raw &&
               at + part.items[i].record.text_size <= part.raw + chunk.raw_size_bytes);
    }
    snapshot_part_fini(&part);
    return 0;
}
