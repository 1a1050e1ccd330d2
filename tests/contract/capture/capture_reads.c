/*
 * Runs a capture source through the receiver: one JSON line a read, then one with the counters.
 * usage: capture_reads replay FILE FRAMES | live INTERFACE FRAMES | dpdk VDEV-ARGUMENTS FRAMES
 * Ends after FRAMES frames (or the end of a replay), or after 10 s without a frame. The line
 * "ready" on stderr says that a live source is open. Its cameras are fixed: see cameras[].
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drivers/capture_dpdk/capture_dpdk.h"
#include "drivers/capture_pcap/capture_pcap.h"
#include "drivers/wire/receiver.h"

enum { COMPACT_PORT = 9840, JSON_PORT = 9841, SECOND_PORT = 9842, SILENT_MS = 10000, POLL_MS = 50 };

static const char key[] = "0123456789abcdef";

/* 1: untagged, anywhere on 9840. 2: tag required, VLAN 12, MAC and IPv4 address bound. 3: IPv6
 * under two VLAN tags, tag required. 4: json. 5: on the second compact port. */
static struct camera_options cameras[] = {
    {.id = 1, .lane = 1, .binding = {.port = COMPACT_PORT}},
    {.id = 2,
     .lane = 2,
     .binding = {.port = COMPACT_PORT,
                 .vlan_count = 1,
                 .vlans = {12},
                 .mac_bound = true,
                 .mac = {2, 0, 0, 0, 0, 7},
                 .family = 4,
                 .address = {10, 9, 0, 7}},
     .auth_required = true,
     .has_key = true},
    {.id = 3,
     .lane = 3,
     .binding = {.port = COMPACT_PORT,
                 .vlan_count = 2,
                 .vlans = {100, 12},
                 .family = 6,
                 .address = {0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7}},
     .auth_required = true,
     .has_key = true},
    {.id = 4, .lane = 4, .format = WIRE_JSON, .binding = {.port = JSON_PORT}},
    {.id = 5, .lane = 5, .binding = {.port = SECOND_PORT}},
};
enum { CAMERAS = sizeof cameras / sizeof cameras[0] };

static int open_source(const char *kind, const char *what, struct capture_source **out,
                       struct err_text *err)
{
    if (strcmp(kind, "replay") == 0) {
        const struct capture_pcap_replay_options options = {what, true};
        return capture_pcap_open_replay(&options, out, err);
    }
    if (strcmp(kind, "live") == 0) {
        const struct capture_pcap_live_options options = {
            .interface = what, .ports = {COMPACT_PORT, JSON_PORT, SECOND_PORT}, .port_count = 3};
        return capture_pcap_open_live(&options, out, err);
    }
    char vdev[512];
    snprintf(vdev, sizeof vdev, "--vdev=%s", what);
    const struct capture_dpdk_options options = {
        .eal_args = {"--no-huge", "--no-shconf", "--no-pci", "-m", "64", "--no-telemetry",
                     "--log-level=3", vdev},
        .eal_arg_count = 8,
        .port = "",
        .mbufs = 4095};
    return capture_dpdk_open(&options, out, err);
}

static struct receiver *create_receiver(struct camera_table **out_table)
{
    struct receiver_options options = {.ports = {{COMPACT_PORT, WIRE_COMPACT},
                                                 {JSON_PORT, WIRE_JSON},
                                                 {SECOND_PORT, WIRE_COMPACT}},
                                       .port_count = 3};
    struct receiver *receiver = NULL;
    struct err_text err = {""};
    for (size_t i = 0; i < CAMERAS; i++)
        if (cameras[i].has_key)
            memcpy(cameras[i].key, key, SIPHASH_KEY_SIZE);
    json_fields_default(&options.json);
    if (camera_table_create(cameras, CAMERAS, out_table, &err) != 0 ||
        receiver_create(&options, *out_table, &receiver, &err) != 0) {
        fprintf(stderr, "%s\n", err.text);
        exit(1);
    }
    return receiver;
}

static void print_read(const struct plate_read *read)
{
    printf("{\"lane\":%d,\"camera\":%d,\"event\":%llu,\"key\":\"%016llx\",\"auth\":%d,"
           "\"confidence\":%d}\n",
           read->lane, read->camera, (unsigned long long)read->event_id,
           (unsigned long long)read->key, (int)read->authenticity, read->confidence);
}

static void print_causes(const char *stage, const uint64_t *counts, int causes,
                         const char *(*name)(int cause))
{
    printf(",\"%s\":{", stage);
    for (int i = 0; i < causes; i++)
        printf("%s\"%s\":%llu", i ? "," : "", name(i), (unsigned long long)counts[i]);
    printf("}");
}

static const char *frame_name(int cause)
{
    return frame_cause_name((enum frame_cause)cause);
}
static const char *compact_name(int cause)
{
    return compact_cause_name((enum compact_cause)cause);
}
static const char *json_name(int cause)
{
    return json_cause_name((enum json_cause)cause);
}
static const char *camera_name(int cause)
{
    return camera_cause_name((enum camera_cause)cause);
}

static void print_stats(const struct receiver_stats *s)
{
    printf("{\"frames\":%llu,\"reads\":%llu", (unsigned long long)s->frames,
           (unsigned long long)s->reads);
    print_causes("frame", s->frame, FRAME_CAUSE_COUNT, frame_name);
    print_causes("compact", s->compact, COMPACT_CAUSE_COUNT, compact_name);
    print_causes("json", s->json, JSON_CAUSE_COUNT, json_name);
    print_causes("camera", s->camera, CAMERA_CAUSE_COUNT, camera_name);
    printf("}\n");
}

static int run(struct capture_source *source, struct receiver *receiver, uint64_t limit)
{
    struct capture_frame frames[CAPTURE_BURST_MAX];
    struct plate_read read;
    int silent_ms = 0;
    int got = 0;
    while (got >= 0 && silent_ms < SILENT_MS && receiver_stats(receiver)->frames < limit) {
        got = capture_poll(source, frames, CAPTURE_BURST_MAX, POLL_MS);
        silent_ms = got == 0 ? silent_ms + POLL_MS : 0;
        for (int i = 0; i < got; i++)
            if (receiver_take(receiver, frames[i].data, frames[i].size_bytes, frames[i].mono,
                              frames[i].wall, &read))
                print_read(&read);
    }
    return got < 0 && got != ERR_STOPPED ? got : 0;
}

int main(int argc, char **argv)
{
    struct capture_source *source = NULL;
    struct camera_table *table = NULL;
    struct err_text err = {""};
    if (argc != 4) {
        fprintf(stderr, "usage: %s replay|live|dpdk WHAT FRAMES\n", argv[0]);
        return 2;
    }
    struct receiver *receiver = create_receiver(&table);
    int result = open_source(argv[1], argv[2], &source, &err);
    if (result == 0) {
        fprintf(stderr, "ready\n");
        result = run(source, receiver, strtoull(argv[3], NULL, 10));
        print_stats(receiver_stats(receiver));
    } else {
        fprintf(stderr, "%s\n", err.text);
    }
    capture_close(source);
    receiver_destroy(receiver);
    camera_table_destroy(table);
    return result == 0 ? 0 : result == ERR_DENIED ? 77 : 1;
}
