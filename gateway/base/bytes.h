/*
 * Bounded cursors over bytes. A read past the end or a write past the room sets `failed` and yields
 * zero or nothing; later calls change nothing, so a codec checks once at its end. The caller owns
 * the memory. Names say the byte order: be is big-endian, le is little-endian.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct byte_reader {
    const uint8_t *data;
    size_t size; /* bytes */
    size_t at;
    bool failed;
};

struct byte_writer {
    uint8_t *data;
    size_t size; /* bytes of room */
    size_t at;
    bool failed;
};

void byte_reader_init(struct byte_reader *r, const void *data, size_t size_bytes);
size_t byte_reader_left(const struct byte_reader *r);
/* True when nothing failed and nothing is left over. */
bool byte_reader_done(const struct byte_reader *r);
uint8_t byte_read_u8(struct byte_reader *r);
uint16_t byte_read_be16(struct byte_reader *r);
uint32_t byte_read_be32(struct byte_reader *r);
uint64_t byte_read_be64(struct byte_reader *r);
uint16_t byte_read_le16(struct byte_reader *r);
uint32_t byte_read_le32(struct byte_reader *r);
uint64_t byte_read_le64(struct byte_reader *r);
/* Pointer to `n` bytes inside the reader's memory, NULL when fewer are left. */
const uint8_t *byte_read_bytes(struct byte_reader *r, size_t n);

void byte_writer_init(struct byte_writer *w, void *data, size_t size_bytes);
void byte_write_u8(struct byte_writer *w, uint8_t v);
void byte_write_be16(struct byte_writer *w, uint16_t v);
void byte_write_be32(struct byte_writer *w, uint32_t v);
void byte_write_be64(struct byte_writer *w, uint64_t v);
void byte_write_le16(struct byte_writer *w, uint16_t v);
void byte_write_le32(struct byte_writer *w, uint32_t v);
void byte_write_le64(struct byte_writer *w, uint64_t v);
void byte_write_bytes(struct byte_writer *w, const void *data, size_t n);
