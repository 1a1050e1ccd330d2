/* The quick look against the full decode, over frames as they come and frames with bytes changed.
 * The seed is printed and can be set by CHECKPOINT_SEED; CHECKPOINT_ROUNDS makes the sweep longer.
 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/wire/read_fields.h"
#include "tests/unit/drivers/wire/frame_builder.h"
#include "tests/unit/gateway/capture/look_check.h"

enum { ROUNDS = 60 * 1000, BURST = 100 };

static const struct look_ports ports = {{LOOK_CHECK_PORT, LOOK_CHECK_OTHER_PORT}, 2};
static uint64_t random_state;

static uint32_t random_below(uint32_t bound)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)((random_state >> 32) * bound >> 32);
}

static const char *random_plate(void)
{
    static const char *const plates[] = {"鲁H12345",  "鲁HD12345",   "粤ZA123港", "7ABC123",
                                         "WJ鲁12345", "琼X1234应急", "鲁H-12345", "鲁H1234?",
                                         "无车牌",    "鲁HI2345",    "",          "鲁H·12345"};
    return plates[random_below(3) ? random_below(4) : random_below(12)];
}

static plate_key key_of(const char *text)
{
    struct plate_text plate;
    plate_encode(text, strlen(text), PLATE_DASH_AUTO, &plate);
    return plate.key;
}

static void random_read(struct plate_read *read)
{
    read_fields_init(read);
    read->lane = (uint8_t)(random_below(30) ? 1 + random_below(4) : 0);
    read->camera = (uint16_t)(random_below(30) ? 1 + random_below(9) : 0);
    read->confidence = (uint8_t)random_below(101);
    snprintf(read->raw, sizeof read->raw, "%s", random_plate());
    if (random_below(2))
        read->camera_time.ms = 1 + random_below(1000000);
    if (random_below(2))
        read->event_id = UINT64_C(0x0707070707070700) | random_below(256);
    if (random_below(2))
        read->colour = COLOUR_BLUE;
    while (random_below(3) == 0 && read->candidate_count < READ_CANDIDATES_MAX) {
        plate_key key = key_of(random_plate());
        if (key != 0)
            read->candidates[read->candidate_count++] = (struct read_candidate){key, 50};
    }
}

static void clear_checksums(struct frame_builder *b)
{
    if (b->bytes[b->ip_at] >> 4 == 4) {
        fb_ipv4_checksum(b);
        fb_set16(b, b->udp_at + 6, 0);
    }
}

static void random_frame(struct frame_builder *b)
{
    static const uint8_t key[SIPHASH_KEY_SIZE] = "0123456789abcdef";
    uint8_t datagram[600];
    struct plate_read read;
    random_read(&read);
    unsigned port = random_below(10) ? LOOK_CHECK_PORT + 2 * random_below(2) : 9841;
    size_t size = compact_encode(&read, random_below(2) ? key : NULL, 9, datagram, sizeof datagram);
    assert_true(size > 0);
    unsigned vlan = random_below(3) == 0 ? 5 : 0;
    unsigned inner = vlan && random_below(2) ? 6 : 0;
    bool six = random_below(4) == 0;
    fb_link(b, vlan, inner, six ? 0x86DD : 0x0800);
    if (six)
        fb_ipv6(b, port, datagram, size, 17, NULL, 0);
    else
        fb_ipv4(b, port, datagram, size);
    if (random_below(4) == 0)
        memset(b->bytes + b->size, 0xA5, 20), b->size += random_below(20); /* padding */
}

static void change_bytes(struct frame_builder *b)
{
    for (uint32_t n = 1 + random_below(2); n > 0; n--) {
        size_t from = random_below(4) ? b->udp_at : 0;
        size_t at = from + random_below((uint32_t)(b->size - from));
        b->bytes[at] = random_below(2) ? (uint8_t)random_below(256)
                                       : (uint8_t)(b->bytes[at] + 2 * random_below(2) - 1);
    }
    if (random_below(8) == 0)
        b->size -= random_below(20);
    clear_checksums(b);
}

/* Each frame in memory of its own, as long as it is: reading past one is seen by ASan. */
static void look_at(struct frame_builder *built, size_t count, struct looked *looked,
                    size_t *out_decoded)
{
    struct capture_frame frames[BURST] = {{.data = NULL}};
    for (size_t i = 0; i < count; i++) {
        uint8_t *copy = malloc(built[i].size);
        assert_non_null(copy);
        memcpy(copy, built[i].bytes, built[i].size);
        frames[i].data = copy;
        frames[i].size_bytes = (uint32_t)built[i].size;
    }
    static struct looked plain;
    memset(looked, 0xA5, sizeof *looked);
    capture_look_by(PLATE_QUICK_SCALAR, &ports, frames, count, &plain);
    capture_look(&ports, frames, count, looked);
    assert_int_equal(looked->key_count, plain.key_count); /* kernels agree */
    assert_memory_equal(looked->keys, plain.keys, looked->key_count * sizeof plain.keys[0]);
    assert_memory_equal(looked->owners, plain.owners,
                        (looked->key_count - count) * sizeof plain.owners[0]);
    assert_memory_equal(looked->asked, plain.asked, sizeof plain.asked);
    for (size_t i = 0; i < CAPTURE_BURST_MAX; i++)
        assert_int_equal(looked->asked[i / LOOK_WORD_BITS] >> (i % LOOK_WORD_BITS) & 1,
                         i < count && looked->keys[i] == 0);
    for (size_t i = 0; i < count; i++)
        *out_decoded += look_check(frames, i, count, looked);
    for (size_t i = 0; i < count; i++)
        free((void *)(uintptr_t)frames[i].data);
}

static void it_never_disagrees_with_the_full_decode(void **state)
{
    static struct frame_builder built[BURST];
    static struct looked looked;
    const char *rounds_text = getenv("CHECKPOINT_ROUNDS");
    long rounds = rounds_text ? strtol(rounds_text, NULL, 10) : ROUNDS;
    size_t decoded = 0;
    size_t understood = 0;
    (void)state;
    for (long done = 0; done < rounds; done += BURST) {
        size_t count = 1 + random_below(BURST);
        for (size_t i = 0; i < count; i++) {
            random_frame(&built[i]);
            if (random_below(2))
                change_bytes(&built[i]);
        }
        look_at(built, count, &looked, &decoded);
        for (size_t i = 0; i < count; i++)
            understood += looked.keys[i] != 0;
    }
    assert_true(decoded > (size_t)rounds / 8); /* neither side refuses all */
    assert_true(understood > (size_t)rounds / 8);
}

static void put_plain(struct frame_builder *b, const char *plate, const char *candidate, bool six)
{
    uint8_t datagram[600];
    struct plate_read read;
    read_fields_init(&read);
    read.lane = 1;
    read.camera = 7;
    read.camera_time.ms = 1;
    snprintf(read.raw, sizeof read.raw, "%s", plate);
    if (candidate)
        read.candidates[read.candidate_count++] = (struct read_candidate){key_of(candidate), 50};
    size_t size = compact_encode(&read, NULL, 0, datagram, sizeof datagram);
    fb_link(b, 0, 0, six ? 0x86DD : 0x0800);
    if (six)
        fb_ipv6(b, LOOK_CHECK_PORT, datagram, size, 17, NULL, 0);
    else
        fb_ipv4(b, LOOK_CHECK_PORT, datagram, size);
}

static void plain_frames_are_understood(void **state)
{
    static struct frame_builder built[4];
    static struct looked looked;
    size_t decoded = 0;
    (void)state;
    put_plain(&built[0], "鲁H12345", NULL, false);
    put_plain(&built[1], "鲁HD12345", NULL, true);
    put_plain(&built[2], "粤ZA123港", "鲁H12345", false);
    put_plain(&built[3], "鲁H12345", "WJ鲁12345", false); /* a candidate that is not plain */
    look_at(built, 4, &looked, &decoded);
    assert_true(looked.keys[0] == key_of("鲁H12345"));
    assert_true(looked.keys[1] == key_of("鲁HD12345"));
    assert_true(looked.keys[2] == key_of("粤ZA123港"));
    assert_true(looked.keys[3] == 0);
    assert_int_equal(looked.key_count, 5);
    assert_true(looked.keys[4] == key_of("鲁H12345"));
    assert_int_equal(looked.owners[0], 2);
}

static void without_a_compact_port_nothing_is(void **state)
{
    static const struct look_ports none = {.count = 0};
    static struct looked looked;
    struct frame_builder b;
    (void)state;
    put_plain(&b, "鲁H12345", NULL, false);
    fb_set16(&b, b.udp_at + 2, 0); /* port 0 is none either */
    const struct capture_frame frame = {.data = b.bytes, .size_bytes = (uint32_t)b.size};
    capture_look(&none, &frame, 1, &looked);
    assert_int_equal(looked.key_count, 1);
    assert_true(looked.keys[0] == 0);
}

/* More candidates than there is room for: those frames are asked in full. */
static void too_many_candidates_are_asked_in_full(void **state)
{
    static struct capture_frame frames[CAPTURE_BURST_MAX];
    static struct looked looked;
    struct frame_builder b;
    uint8_t datagram[1400];
    struct plate_read read;
    (void)state;
    read_fields_init(&read);
    read.lane = 1;
    read.camera = 7;
    snprintf(read.raw, sizeof read.raw, "鲁H12345");
    for (uint8_t i = 0; i < 3; i++)
        read.candidates[read.candidate_count++] = (struct read_candidate){key_of("鲁H12346"), 50};
    size_t size = compact_encode(&read, NULL, 0, datagram, sizeof datagram);
    fb_link(&b, 0, 0, 0x0800);
    fb_ipv4(&b, LOOK_CHECK_PORT, datagram, size);
    for (size_t i = 0; i < CAPTURE_BURST_MAX; i++)
        frames[i] = (struct capture_frame){.data = b.bytes, .size_bytes = (uint32_t)b.size};
    capture_look(&ports, frames, CAPTURE_BURST_MAX, &looked);
    assert_int_equal(looked.key_count, CAPTURE_BURST_MAX + LOOK_EXTRA_MAX);
    for (size_t i = 0; i < CAPTURE_BURST_MAX; i++)
        assert_int_equal(looked.keys[i] != 0, i < LOOK_EXTRA_MAX / 3);
}

int main(void)
{
    const char *seed_text = getenv("CHECKPOINT_SEED");
    random_state = seed_text ? strtoull(seed_text, NULL, 10) : UINT64_C(20261126);
    print_message("seed %" PRIu64 "\n", random_state);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_never_disagrees_with_the_full_decode),
        cmocka_unit_test(plain_frames_are_understood),
        cmocka_unit_test(without_a_compact_port_nothing_is),
        cmocka_unit_test(too_many_candidates_are_asked_in_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
