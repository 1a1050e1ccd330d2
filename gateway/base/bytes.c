/*
 * Bounded byte cursors. No state of their own.
 */
#include "gateway/base/bytes.h"

#include <string.h>

void byte_reader_init(struct byte_reader *r, const void *data, size_t size_bytes)
{
    *r = (struct byte_reader){.data = data, .size = size_bytes};
}

size_t byte_reader_left(const struct byte_reader *r)
{
    return r->failed ? 0 : r->size - r->at;
}

bool byte_reader_done(const struct byte_reader *r)
{
    return !r->failed && r->at == r->size;
}

const uint8_t *byte_read_bytes(struct byte_reader *r, size_t n)
{
    if (r->failed || n > r->size - r->at) {
        r->failed = true;
        return NULL;
    }
    const uint8_t *bytes = r->data + r->at;
    r->at += n;
    return bytes;
}

static uint64_t read_big(struct byte_reader *r, size_t n)
{
    const uint8_t *bytes = byte_read_bytes(r, n);
    uint64_t value = 0;
    for (size_t i = 0; bytes && i < n; i++) {
        value = value << 8 | bytes[i];
    }
    return value;
}

static uint64_t read_little(struct byte_reader *r, size_t n)
{
    const uint8_t *bytes = byte_read_bytes(r, n);
    uint64_t value = 0;
    for (size_t i = 0; bytes && i < n; i++) {
        value |= (uint64_t)bytes[i] << (8 * i);
    }
    return value;
}

uint8_t byte_read_u8(struct byte_reader *r)
{
    return (uint8_t)read_big(r, 1);
}

uint16_t byte_read_be16(struct byte_reader *r)
{
    return (uint16_t)read_big(r, 2);
}

uint32_t byte_read_be32(struct byte_reader *r)
{
    return (uint32_t)read_big(r, 4);
}

uint64_t byte_read_be64(struct byte_reader *r)
{
    return read_big(r, 8);
}

uint16_t byte_read_le16(struct byte_reader *r)
{
    return (uint16_t)read_little(r, 2);
}

uint32_t byte_read_le32(struct byte_reader *r)
{
    return (uint32_t)read_little(r, 4);
}

uint64_t byte_read_le64(struct byte_reader *r)
{
    return read_little(r, 8);
}

void byte_writer_init(struct byte_writer *w, void *data, size_t size_bytes)
{
    *w = (struct byte_writer){.data = data, .size = size_bytes};
}

void byte_write_bytes(struct byte_writer *w, const void *data, size_t n)
{
    if (w->failed || n > w->size - w->at) {
        w->failed = true;
        return;
    }
    if (n > 0) {
        memcpy(w->data + w->at, data, n);
    }
    w->at += n;
}

static void write_big(struct byte_writer *w, uint64_t value, size_t n)
{
    uint8_t bytes[8];
    for (size_t i = 0; i < n; i++) {
        bytes[i] = (uint8_t)(value >> (8 * (n - 1 - i)));
    }
    byte_write_bytes(w, bytes, n);
}

static void write_little(struct byte_writer *w, uint64_t value, size_t n)
{
    uint8_t bytes[8];
    for (size_t i = 0; i < n; i++) {
        bytes[i] = (uint8_t)(value >> (8 * i));
    }
    byte_write_bytes(w, bytes, n);
}

void byte_write_u8(struct byte_writer *w, uint8_t v)
{
    write_big(w, v, 1);
}

void byte_write_be16(struct byte_writer *w, uint16_t v)
{
    write_big(w, v, 2);
}

void byte_write_be32(struct byte_writer *w, uint32_t v)
{
    write_big(w, v, 4);
}

void byte_write_be64(struct byte_writer *w, uint64_t v)
{
    write_big(w, v, 8);
}

void byte_write_le16(struct byte_writer *w, uint16_t v)
{
    write_little(w, v, 2);
}

void byte_write_le32(struct byte_writer *w, uint32_t v)
{
    write_little(w, v, 4);
}

void byte_write_le64(struct byte_writer *w, uint64_t v)
{
    write_little(w, v, 8);
}
