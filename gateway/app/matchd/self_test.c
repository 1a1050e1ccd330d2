/*
 * The daily self-test's way through matching: its plate as the datagram a camera would send,
 * decoded, filtered and looked up as any other read, in the index reads are matched against at that
 * moment. It comes from checkpointd's question alone, and goes back as a message of its own kind: a
 * camera that sends the same plate is a camera that sends a plate.
 */
#include <stdio.h>
#include <string.h>

#include "drivers/wire/compact.h"
#include "gateway/app/matchd/matchd.h"
#include "gateway/base/rcu.h"

/* A read has them; the self-test has no passage. */
enum { SELF_TEST_LANE = 1, SELF_TEST_CAMERA = 1 };

/* As it came off the wire, with a tag. False: what was made is not what was read back. */
static bool make_read(struct plate_read *out)
{
    static const uint8_t key[SIPHASH_KEY_SIZE] = {1}; /* of nothing but this datagram */
    uint8_t datagram[COMPACT_SIZE_MAX];
    struct compact_info info;
    struct plate_read sent = {.lane = SELF_TEST_LANE,
                              .camera = SELF_TEST_CAMERA,
                              .confidence = READ_CONFIDENCE_NONE,
                              .speed_kmh = UINT16_MAX};
    (void)snprintf(sent.raw, sizeof(sent.raw), "%s", WANTED_SELF_TEST_PLATE); /* fits */
    size_t size = compact_encode(&sent, key, 1, datagram, sizeof(datagram));
    if (size == 0 || compact_decode(datagram, size, PLATE_DASH_AUTO, out, &info) != COMPACT_OK ||
        !info.tagged || !compact_tag_valid(datagram, &info, key) || out->kind != PLATE_KEY ||
        out->key != WANTED_SELF_TEST_KEY) {
        *out = (struct plate_read){.kind = PLATE_DECODE_ERROR};
        return false;
    }
    out->authenticity = AUTH_TAG;
    return true;
}

void matchd_self_test(struct matchd *m, uint64_t number, struct out_packet *packet)
{
    struct match_result result = {.hit_count = 0};
    struct match_message *message = &packet->message;
    struct plate_read *read = &message->u.read.read;
    uint32_t at = 0;
    bool trusted;
    bool good = make_read(read);
    read->lane = SELF_TEST_LANE; /* also of one that could not be made: the answer is well-formed */
    read->camera = SELF_TEST_CAMERA;
    read->event_id = number;
    read->mono = clock_mono(&clock_system);
    read->wall = matchd_time(m, clock_wall(&clock_system), &trusted);
    rcu_reader_online();
    const struct in_force *in_force = rcu_load(&m->in_force);
    if (in_force && in_force->index) {
        message->u.read.self_test_listed = in_force->self_tests > 0;
        if (good && match_scan(in_force->index, &read->key, 1, &at) == 1) {
            match_find_self_test(in_force->index, in_force->judge, read, read->wall, trusted,
                                 &result);
        }
    }
    matchd_fill_hits(&result, packet);
    rcu_reader_offline();
}
