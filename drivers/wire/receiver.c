/*
 * Frame -> datagram -> read -> admitted read. Owned by the capture thread.
 */
#include "drivers/wire/receiver.h"

#include <stdlib.h>
#include <string.h>

struct receiver {
    struct frame_filter filter;
    enum wire_format formats[FRAME_PORTS_MAX]; /* of filter.ports */
    struct camera_table *cameras;
    struct json_reader *json; /* NULL when no port carries json */
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

/* The camera id of a compact datagram, 0 when it is too short: decides how '-' is read. */
static uint16_t camera_of(const struct frame_info *f)
{
    if (f->payload_size < COMPACT_HEADER_SIZE)
        return 0;
    return (uint16_t)(f->payload[4] << 8 | f->payload[5]);
}

static bool take_compact(struct receiver *r, const struct frame_info *f, struct plate_read *read)
{
    struct compact_info info;
    enum plate_dash dash = camera_table_dash(r->cameras, camera_of(f));
    enum compact_cause cause = compact_decode(f->payload, f->payload_size, dash, read, &info);
    r->stats.compact[cause]++;
    if (cause != COMPACT_OK)
        return false;
    r->stats.values_ignored += info.values_ignored;
    enum camera_cause admitted =
        camera_table_admit(r->cameras, WIRE_COMPACT, f, f->payload, &info, read);
    r->stats.camera[admitted]++;
    return admitted == CAMERA_OK;
}

static bool take_json(struct receiver *r, const struct frame_info *f, struct plate_read *read)
{
    enum json_cause cause =
        json_reader_decode(r->json, r->cameras, f->payload, f->payload_size, read);
    r->stats.json[cause]++;
    if (cause != JSON_CAUSE_OK)
        return false;
    enum camera_cause admitted = camera_table_admit(r->cameras, WIRE_JSON, f, NULL, NULL, read);
    r->stats.camera[admitted]++;
    return admitted == CAMERA_OK;
}

bool receiver_take(struct receiver *receiver, const uint8_t *frame, size_t size_bytes,
                   struct mono_time mono, struct wall_time wall, struct plate_read *out)
{
    struct frame_info f;
    struct plate_read read;
    receiver->stats.frames++;
    enum frame_cause cause = frame_parse(&receiver->filter, frame, size_bytes, &f);
    receiver->stats.frame[cause]++;
    if (cause != FRAME_OK)
        return false;
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
