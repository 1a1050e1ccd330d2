/* See bench_frames.h. */
#include "tests/bench/bench_frames.h"

#include <stdlib.h>
#include <string.h>

#include <pcap/pcap.h>

#include "drivers/wire/read_fields.h"

enum { HEADERS = 42, CAMERA = 7, LANE = 3, NARROW = 64, WIDE = 100 };

/* Ethernet, IPv4 and UDP (without checksum, RFC 768) before `size` bytes. */
static void put_headers(uint8_t *frame, size_t size)
{
    uint8_t head[HEADERS] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, CAMERA, 8, 0, 0x45};
    uint32_t sum = 0;
    head[17] = (uint8_t)(size + 28);
    head[20] = 0x40;
    head[22] = 64;
    head[23] = 17;
    memcpy(head + 26, "\x0a\x09\x00\x07\x0a\x09\x00\x01", 8);
    for (int i = 14; i < 34; i += 2)
        sum += (uint32_t)head[i] << 8 | head[i + 1];
    sum = 0xFFFF - ((sum & 0xFFFF) + (sum >> 16));
    head[24] = (uint8_t)(sum >> 8);
    head[25] = (uint8_t)sum;
    head[34] = 0x9C;
    head[35] = 0x40;
    head[36] = BENCH_FRAME_PORT >> 8;
    head[37] = BENCH_FRAME_PORT & 0xFF;
    head[39] = (uint8_t)(size + 8);
    memcpy(frame, head, sizeof head);
}

static void put_frame(uint8_t *slot, uint32_t size_bytes, const struct bench_text *text,
                      uint64_t number)
{
    static const uint8_t key[SIPHASH_KEY_SIZE] = "0123456789abcdef";
    struct plate_read read;
    read_fields_init(&read);
    read.lane = LANE;
    read.camera = CAMERA;
    read.confidence = 97;
    memcpy(read.raw, text->utf8, text->size);
    if (size_bytes == WIDE) {
        read.camera_time.ms = INT64_C(1795492800000) + (int64_t)number;
        read.speed_kmh = 61;
        read.class = '0' << 8 | '2';
        read.colour = COLOUR_BLUE;
    }
    size_t room = size_bytes - HEADERS;
    size_t size =
        compact_encode(&read, size_bytes == WIDE ? key : NULL, number + 1, slot + HEADERS, room);
    if (size == 0)
        bench_fail("plate '%s' has no room in %u bytes", text->utf8, size_bytes);
    put_headers(slot, size); /* what is left is padding */
}

void bench_frames_create(const plate_key *keys, size_t count, uint32_t size_bytes,
                         struct bench_frames *out)
{
    if (size_bytes != NARROW && size_bytes != WIDE)
        bench_fail("frames of %u bytes: expected %d or %d", size_bytes, NARROW, WIDE);
    struct bench_text *texts = bench_texts_create(keys, count);
    *out = (struct bench_frames){.bytes = bench_pages_create(count * BENCH_FRAME_SLOT),
                                 .count = count,
                                 .size_bytes = size_bytes};
    for (size_t i = 0; i < count; i++)
        put_frame(out->bytes + i * BENCH_FRAME_SLOT, size_bytes, &texts[i], i);
    bench_texts_destroy(texts);
}

void bench_frames_destroy(struct bench_frames *frames)
{
    bench_pages_destroy(frames->bytes, frames->count * BENCH_FRAME_SLOT);
}

void bench_frames_write(const struct bench_frames *frames, const char *path)
{
    pcap_t *link = pcap_open_dead(DLT_EN10MB, CAPTURE_FRAME_SIZE_MAX);
    pcap_dumper_t *file = link ? pcap_dump_open(link, path) : NULL;
    if (!file)
        bench_fail("%s: %s", path, link ? pcap_geterr(link) : "no memory");
    const struct pcap_pkthdr header = {.caplen = frames->size_bytes, .len = frames->size_bytes};
    for (size_t i = 0; i < frames->count; i++)
        pcap_dump((uint8_t *)file, &header, frames->bytes + i * BENCH_FRAME_SLOT);
    if (pcap_dump_flush(file) != 0)
        bench_fail("%s: cannot be written", path);
    pcap_dump_close(file);
    pcap_close(link);
}

/* ---- a source in memory ---- */

struct memory_source {
    struct capture_source base;
    const struct bench_frames *frames;
    size_t next;
    uint64_t given;
};

static int poll_memory(struct capture_source *base, struct capture_frame *frames, int max,
                       int timeout_ms)
{
    struct memory_source *source = (struct memory_source *)base;
    const struct mono_time mono = clock_mono(&clock_system);
    const struct wall_time wall = clock_wall(&clock_system);
    const uint32_t size = source->frames->size_bytes;
    size_t left = source->frames->count - source->next;
    int count = left < (size_t)max ? (int)left : max;
    (void)timeout_ms; /* there is always a frame */
    for (int i = 0; i < count; i++)
        frames[i] = (struct capture_frame){source->frames->bytes +
                                               (source->next + (size_t)i) * BENCH_FRAME_SLOT,
                                           size, size, mono, wall};
    source->next = left == (size_t)count ? 0 : source->next + (size_t)count;
    source->given += (uint64_t)count;
    return count;
}

static void memory_stats(struct capture_source *base, struct capture_stats *out)
{
    *out = (struct capture_stats){.frames = ((struct memory_source *)base)->given};
}

static void close_memory(struct capture_source *base)
{
    (void)base; /* there is one, and it stays */
}

struct capture_source *bench_frames_source(const struct bench_frames *frames)
{
    static const struct capture_ops ops = {"memory", poll_memory, NULL, memory_stats, close_memory};
    static struct memory_source source;
    source = (struct memory_source){.base = {&ops}, .frames = frames};
    return &source.base;
}

/* ---- the receiver ---- */

void bench_receiver_create(struct camera_table **out_cameras, struct receiver **out_receiver,
                           struct receiver_options *out_options)
{
    static const struct camera_options camera = {
        .id = CAMERA, .lane = LANE, .binding = {.port = BENCH_FRAME_PORT}};
    *out_options =
        (struct receiver_options){.ports = {{BENCH_FRAME_PORT, WIRE_COMPACT}}, .port_count = 1};
    if (camera_table_create(&camera, 1, out_cameras, NULL) != 0 ||
        receiver_create(out_options, *out_cameras, out_receiver, NULL) != 0)
        bench_fail("no receiver");
}
