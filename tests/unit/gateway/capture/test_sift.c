/* Frames to matched reads: with room for all nothing is left out, without it hits come first, and
 * every frame ends in exactly one counter. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/wire/read_fields.h"
#include "gateway/capture/sift.h"
#include "tests/unit/drivers/wire/frame_builder.h"

enum { PORT = 9840, JSON_PORT = 9841, BURST = CAPTURE_BURST_MAX, NOW = 1000, TAKEN_MAX = 1024 };

static const uint8_t tag_key[SIPHASH_KEY_SIZE] = "0123456789abcdef";

struct world {
    struct camera_table *cameras;
    struct receiver *receiver;
    struct match_index *index;
    struct capture_sift *sift;
    struct capture_view view;
    size_t room;
    size_t taken_count;
    size_t hit_count;
    uint64_t events[TAKEN_MAX]; /* event ids, in the order the reads came */
    bool hits[TAKEN_MAX];
    struct frame_builder built[BURST];
    struct capture_frame frames[BURST];
    size_t frame_count;
};

static plate_key key_of(const char *text)
{
    struct plate_text plate;
    plate_encode(text, strlen(text), PLATE_DASH_AUTO, &plate);
    assert_int_equal(plate.kind, PLATE_KEY);
    return plate.key;
}

static size_t room_of(void *ctx)
{
    return ((struct world *)ctx)->room;
}

static bool take(void *ctx, const struct plate_read *read, const struct match_result *result)
{
    struct world *w = ctx;
    assert_true(w->taken_count < TAKEN_MAX);
    w->events[w->taken_count] = read->event_id;
    w->hits[w->taken_count++] = result->hit_count > 0;
    w->hit_count += result->hit_count > 0;
    return true;
}

static struct match_index *create_index(void)
{
    static struct match_entry entries[2];
    static const struct match_entry *const addresses[2] = {&entries[0], &entries[1]};
    static const char *const plates[2] = {"鲁H12345", "京B77?77"};
    struct match_index *index = NULL;
    for (size_t i = 0; i < 2; i++)
        entries[i] = (struct match_entry){.record = {.id = i + 1,
                                                     .key = key_of(plates[i]),
                                                     .valid_until = {2 * NOW},
                                                     .class = PLATE_CLASS_ANY,
                                                     .priority = 2,
                                                     .handling = HANDLING_STOP},
                                          .text = ""};
    assert_int_equal(match_index_create(addresses, 2, NULL, &index, NULL), 0);
    return index;
}

static int set_up(void **state)
{
    static struct world w;
    static const struct camera_options cameras[2] = {
        {.id = 7, .lane = 3, .binding = {.port = PORT}, .has_key = true, .key = "0123456789abcdef"},
        {.id = 8, .lane = 4, .format = WIRE_JSON, .binding = {.port = JSON_PORT}}};
    struct receiver_options options = {.ports = {{JSON_PORT, WIRE_JSON}, {PORT, WIRE_COMPACT}},
                                       .port_count = 2};
    const struct capture_taker taker = {room_of, take, &w};
    w = (struct world){.room = 0};
    json_fields_default(&options.json);
    assert_int_equal(camera_table_create(cameras, 2, &w.cameras, NULL), 0);
    assert_int_equal(receiver_create(&options, w.cameras, &w.receiver, NULL), 0);
    assert_int_equal(capture_sift_create(&options, w.receiver, &taker, &w.sift, NULL), 0);
    w.index = create_index();
    w.view = (struct capture_view){.index = w.index, .clock_trusted = true};
    *state = &w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    capture_sift_destroy(w->sift);
    receiver_destroy(w->receiver);
    camera_table_destroy(w->cameras);
    match_index_destroy(w->index);
    return 0;
}

/* ---- frames ---- */

static struct frame_builder *next_frame(struct world *w)
{
    assert_true(w->frame_count < BURST);
    return &w->built[w->frame_count];
}

static void end_frame(struct world *w)
{
    struct frame_builder *b = &w->built[w->frame_count];
    w->frames[w->frame_count++] =
        (struct capture_frame){.data = b->bytes, .size_bytes = (uint32_t)b->size, .wall = {NOW}};
}

/* A tagged read, whose counter and event id are one more than the last one's. */
static uint64_t add_read(struct world *w, const char *plate, const char *candidate)
{
    static uint64_t counter;
    uint8_t datagram[300];
    struct plate_read read;
    read_fields_init(&read);
    read.lane = 3;
    read.camera = 7;
    read.event_id = ++counter;
    snprintf(read.raw, sizeof read.raw, "%s", plate);
    if (candidate)
        read.candidates[read.candidate_count++] = (struct read_candidate){key_of(candidate), 60};
    size_t size = compact_encode(&read, tag_key, counter, datagram, sizeof datagram);
    struct frame_builder *b = next_frame(w);
    fb_link(b, 0, 0, 0x0800);
    fb_ipv4(b, PORT, datagram, size);
    end_frame(w);
    return counter;
}

static void add_datagram(struct world *w, unsigned port, const char *text)
{
    struct frame_builder *b = next_frame(w);
    fb_link(b, 0, 0, 0x0800);
    fb_ipv4(b, port, text, strlen(text));
    end_frame(w);
}

static void burst(struct world *w)
{
    capture_sift_burst(w->sift, &w->view, w->frames, w->frame_count);
    w->frame_count = 0;
}

static uint64_t left_out(const struct world *w)
{
    return capture_sift_stats(w->sift)->left_out;
}

/* Every frame is left out, or refused with a cause, or taken. */
static void assert_counted(const struct world *w)
{
    const struct receiver_stats *r = receiver_stats(w->receiver);
    uint64_t ends = left_out(w) + r->reads;
    for (int i = 1; i < FRAME_CAUSE_COUNT; i++)
        ends += r->frame[i];
    for (int i = 1; i < COMPACT_CAUSE_COUNT; i++)
        ends += r->compact[i];
    for (int i = 1; i < JSON_CAUSE_COUNT; i++)
        ends += r->json[i];
    for (int i = 1; i < CAMERA_CAUSE_COUNT; i++)
        ends += r->camera[i];
    assert_int_equal(ends, capture_sift_stats(w->sift)->frames);
    assert_int_equal(r->reads, w->taken_count);
}

/* ---- tests ---- */

static void with_room_nothing_is_left_out(void **state)
{
    struct world *w = *state;
    w->room = BURST;
    for (int i = 0; i < BURST; i++)
        add_read(w, i == 9 ? "鲁H12345" : "京A00001", NULL);
    burst(w);
    assert_int_equal(w->taken_count, BURST);
    assert_int_equal(w->hit_count, 1);
    assert_true(w->hits[9]);
    assert_int_equal(left_out(w), 0);
    assert_counted(w);
}

static void without_room_only_hits_are_taken(void **state)
{
    struct world *w = *state;
    uint64_t wanted[4] = {0};
    for (int i = 0; i < BURST; i++) {
        if (i == 5)
            wanted[0] = add_read(w, "鲁H12345", NULL); /* exact */
        else if (i == 60)
            wanted[1] = add_read(w, "京A00001", "鲁H12345"); /* a candidate */
        else if (i == 150)
            wanted[2] = add_read(w, "京B77777", NULL); /* partial 京B77?77 */
        else if (i == 255)
            wanted[3] = add_read(w, "鲁H-12345", NULL); /* not plain: asked in full */
        else
            add_read(w, i % 2 ? "京A00001" : "7ABC123", NULL);
    }
    burst(w);
    assert_int_equal(w->taken_count, 4);
    assert_int_equal(w->hit_count, 4);
    assert_memory_equal(w->events, wanted, sizeof wanted);
    assert_int_equal(left_out(w), BURST - 4);
    assert_counted(w);
}

/* Room is kept for the hits that are still to come in the burst. */
static void hits_come_first_and_order_stays(void **state)
{
    struct world *w = *state;
    w->room = 10;
    for (int i = 0; i < 100; i++)
        add_read(w, i >= 96 ? "鲁H12345" : "京A00001", NULL);
    burst(w);
    assert_int_equal(w->taken_count, 10);
    assert_int_equal(w->hit_count, 4);
    for (size_t i = 1; i < w->taken_count; i++)
        assert_true(w->events[i] > w->events[i - 1]);
    for (size_t i = 6; i < w->taken_count; i++)
        assert_true(w->hits[i]);
    assert_int_equal(left_out(w), 90);
    assert_int_equal(receiver_stats(w->receiver)->camera[CAMERA_REPLAY], 0);
    assert_counted(w);
}

static void what_is_not_understood_keeps_its_cause(void **state)
{
    struct world *w = *state;
    add_datagram(w, 7777, "PR");
    add_datagram(w, PORT, "QR\1\3\0\7\377\0");
    add_datagram(w, JSON_PORT, "{");
    add_read(w, "京A00001", NULL);
    struct frame_builder *arp = next_frame(w);
    fb_link(arp, 0, 0, 0x0806);
    memset(arp->bytes + arp->size, 0, 46);
    arp->size += 46;
    end_frame(w);
    burst(w);
    const struct receiver_stats *r = receiver_stats(w->receiver);
    assert_int_equal(r->frame[FRAME_FOREIGN_PORT], 1);
    assert_int_equal(r->frame[FRAME_NOT_IP], 1);
    assert_int_equal(r->compact[COMPACT_TOO_SHORT], 1); /* the text ends at its first NUL */
    assert_int_equal(r->json[JSON_CAUSE_OK], 0);
    assert_int_equal(left_out(w), 1);
    assert_counted(w);
}

static void hurried_leaves_out_what_has_room(void **state)
{
    struct world *w = *state;
    w->room = BURST;
    w->view.hurried = true;
    add_read(w, "京A00001", NULL);
    add_read(w, "鲁H12345", NULL);
    burst(w);
    assert_int_equal(w->taken_count, 1);
    assert_int_equal(w->hit_count, 1);
    assert_int_equal(left_out(w), 1);
    assert_counted(w);
}

static void without_a_list_reads_are_taken_as_far_as_there_is_room(void **state)
{
    struct world *w = *state;
    w->view.index = NULL;
    w->room = 3;
    for (int i = 0; i < 8; i++)
        add_read(w, "鲁H12345", NULL);
    burst(w);
    assert_int_equal(w->taken_count, 3);
    assert_int_equal(w->hit_count, 0);
    assert_int_equal(left_out(w), 5);
    assert_counted(w);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(with_room_nothing_is_left_out),
        TEST(without_room_only_hits_are_taken),
        TEST(hits_come_first_and_order_stays),
        TEST(what_is_not_understood_keeps_its_cause),
        TEST(hurried_leaves_out_what_has_room),
        TEST(without_a_list_reads_are_taken_as_far_as_there_is_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
