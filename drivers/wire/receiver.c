/*
 * Frame -> datagram -> read -> admitted read. Owned by the capture thread.
 */
#include "drivers/wire/receiver.h"

#include <stdlib.h>
#include <string.h>

enum { HEADERS_SIZE = 14 + 20 + 8 }; /* Ethernet, IPv4, UDP */

struct receiver {
    struct frame_filter filter;
    enum wire_format formats[FRAME_PORTS_MAX]; /* of filter.ports */
    struct camera_table *cameras;
    struct json_reader *json; /* NULL when no port carries json */
    char plate_name[JSON_FIELD_NAME_SIZE];
    struct refusals *refusals; /* the caller's, or NULL */
    struct receiver_stats stats;
};

static int take_ports(struct receiver *r, const struct receiver_options *options,
                      struct err_text *err)
{
    if (options->port_count == 0)
        return err_set(err, ERR_INVALID, "no port to listen to");
    if (options->port_count > FRAME_PORTS_MAX)
        return err_set(err, ERR_TOO_LARGE, "%zu ports, expected at most %d", options->port_count,
                       FRAME_PORTS_MAX);
    for (size_t i = 0; i < options->port_count; i++) {
        uint16_t port = options->ports[i].port;
        if (port == 0)
            return err_set(err, ERR_INVALID, "port = '0': expected 1 to 65535");
        for (size_t j = 0; j < i; j++)
            if (r->filter.ports[j] == port)
                return err_set(err, ERR_INVALID, "port = '%d': stands twice", port);
        r->filter.ports[i] = port;
        r->formats[i] = options->ports[i].format;
        r->filter.port_count++;
    }
    return ERR_OK;
}

int receiver_create(const struct receiver_options *options, struct camera_table *cameras,
                    struct receiver **out, struct err_text *err)
{
    struct receiver *r = calloc(1, sizeof *r);
    if (!r)
        return err_set(err, ERR_NO_MEMORY, "no memory for a receiver");
    r->cameras = cameras;
    r->filter.accept_partial_checksum = options->accept_partial_checksum;
    memcpy(r->plate_name, options->json.name[JSON_FIELD_PLATE], sizeof r->plate_name);
    int result = take_ports(r, options, err);
    for (size_t i = 0; result == 0 && i < r->filter.port_count; i++)
        if (r->formats[i] == WIRE_JSON && !r->json)
            result = json_reader_create(&options->json, &r->json, err);
    if (result != 0) {
        receiver_destroy(r);
        return result;
    }
    *out = r;
    return ERR_OK;
}

void receiver_destroy(struct receiver *receiver)
{
    if (!receiver)
        return;
    json_reader_destroy(receiver->json);
    free(receiver);
}

void receiver_set_cameras(struct receiver *receiver, struct camera_table *cameras)
{
    receiver->cameras = cameras;
}

static enum wire_format format_of(const struct receiver *r, uint16_t port)
{
    size_t at = 0;
    while (r->filter.ports[at] != port) /* frame_parse let only our ports through */
        at++;
    return r->formats[at];
}

void receiver_note_refusals(struct receiver *receiver, struct refusals *refusals)
{
    receiver->refusals = refusals;
}

/* The camera id of a compact datagram, 0 when it is too short: decides how '-' is read. */
static uint16_t camera_of(const struct frame_info *f)
{
    if (f->payload_size < COMPACT_HEADER_SIZE)
        return 0;
    return (uint16_t)(f->payload[4] << 8 | f->payload[5]);
}

/* ---- what is refused ---- */

static bool is_compact(const struct frame_info *f)
{
    return f->payload_size >= 2 && f->payload[0] == 'P' && f->payload[1] == 'R';
}

/* Bytes of a payload an example may show: those before the plate. */
static size_t shown_size(const struct receiver *r, const struct frame_info *f)
{
    size_t size = f->payload_size < REFUSAL_BYTES_MAX ? f->payload_size : REFUSAL_BYTES_MAX;
    if (is_compact(f))
        return size < COMPACT_HEADER_SIZE ? size : COMPACT_HEADER_SIZE;
    const uint8_t *plate =
        r->plate_name[0] ? memmem(f->payload, size, r->plate_name, strlen(r->plate_name)) : NULL;
    return plate ? (size_t)(plate - f->payload) : size;
}

/* Finds the row of a refusal and counts; true when it is the first one, whose example is wanted. */
static bool count_refusal(struct receiver *r, uint16_t camera, enum refusal_stage stage, int cause,
                          struct refusal **out)
{
    uint16_t row = camera_table_row(r->cameras, camera);
    struct refusal *refusal = refusals_at(r->refusals, row, stage, cause);
    *out = refusal;
    if (refusal->count < UINT32_MAX)
        refusal->count++;
    if (refusal->count > 1)
        return false;
    if (row > 0) {
        refusal->camera = camera;
        refusal->lane = camera_table_at(r->cameras, row - 1u)->lane;
    }
    return true;
}

static void note_datagram(struct receiver *r, uint16_t camera, enum refusal_stage stage, int cause,
                          const struct frame_info *f)
{
    struct refusal *refusal;
    if (!r->refusals || !count_refusal(r, camera, stage, cause, &refusal))
        return;
    refusal->family = f->family;
    memcpy(refusal->address, f->source_address, sizeof refusal->address);
    refusal->port = f->source_port;
    refusal->size = (uint8_t)shown_size(r, f);
    memcpy(refusal->bytes, f->payload, refusal->size);
}

/* A frame that could not be read: its example is its headers, which hold the addresses. */
static void note_frame(struct receiver *r, enum frame_cause cause, const uint8_t *frame,
                       size_t size_bytes)
{
    struct refusal *refusal;
    bool others = cause == FRAME_NOT_IP || cause == FRAME_NOT_UDP || cause == FRAME_FOREIGN_PORT;
    if (others || !r->refusals || !count_refusal(r, 0, REFUSAL_FRAME, (int)cause, &refusal))
        return;
    refusal->size = (uint8_t)(size_bytes < HEADERS_SIZE ? size_bytes : HEADERS_SIZE);
    memcpy(refusal->bytes, frame, refusal->size);
}

/* ---- the way of a frame ---- */

static bool count_admitted(struct receiver *r, uint16_t camera, enum camera_cause cause,
                           const struct frame_info *f)
{
    r->stats.camera[cause]++;
    if (cause != CAMERA_OK)
        note_datagram(r, camera, REFUSAL_CAMERA, (int)cause, f);
    return cause == CAMERA_OK;
}

static bool take_compact(struct receiver *r, const struct frame_info *f, struct plate_read *read)
{
    struct compact_info info;
    enum plate_dash dash = camera_table_dash(r->cameras, camera_of(f));
    enum compact_cause cause = compact_decode(f->payload, f->payload_size, dash, read, &info);
    r->stats.compact[cause]++;
    if (cause != COMPACT_OK) {
        note_datagram(r, is_compact(f) ? camera_of(f) : 0, REFUSAL_COMPACT, (int)cause, f);
        return false;
    }
    r->stats.values_ignored += info.values_ignored;
    enum camera_cause admitted =
        camera_table_admit(r->cameras, WIRE_COMPACT, f, f->payload, &info, read);
    return count_admitted(r, read->camera, admitted, f);
}

static bool take_json(struct receiver *r, const struct frame_info *f, struct plate_read *read)
{
    enum json_cause cause =
        json_reader_decode(r->json, r->cameras, f->payload, f->payload_size, read);
    r->stats.json[cause]++;
    if (cause != JSON_CAUSE_OK) {
        note_datagram(r, 0, REFUSAL_JSON, (int)cause, f);
        return false;
    }
    enum camera_cause admitted = camera_table_admit(r->cameras, WIRE_JSON, f, NULL, NULL, read);
    return count_admitted(r, read->camera, admitted, f);
}

bool receiver_take(struct receiver *receiver, const uint8_t *frame, size_t size_bytes,
                   struct mono_time mono, struct wall_time wall, struct plate_read *out)
{
    struct frame_info f;
    struct plate_read read;
    receiver->stats.frames++;
    enum frame_cause cause = frame_parse(&receiver->filter, frame, size_bytes, &f);
    receiver->stats.frame[cause]++;
    if (cause != FRAME_OK) {
        note_frame(receiver, cause, frame, size_bytes);
        return false;
    }
    bool admitted = format_of(receiver, f.port) == WIRE_JSON ? take_json(receiver, &f, &read)
                                                             : take_compact(receiver, &f, &read);
    if (!admitted)
        return false;
    read.mono = mono;
    read.wall = wall;
    receiver->stats.reads++;
    *out = read;
    return true;
}

const struct receiver_stats *receiver_stats(const struct receiver *receiver)
{
    return &receiver->stats;
}
