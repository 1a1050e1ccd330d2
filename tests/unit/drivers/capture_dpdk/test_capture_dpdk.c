/* DPDK without a card and without huge pages: net_pcap reads the same file as the pcap replay, and
 * both yield the same frames in the same order. */
#include <pcap/pcap.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "drivers/capture_dpdk/capture_dpdk.h"
#include "drivers/capture_pcap/capture_pcap.h"

enum { FRAMES = 300, FRAME_MIN = 60, FRAME_MAX = 1500, WAIT_POLLS = 100 };

static char pcap_path[] = "/tmp/capture_dpdk.XXXXXX";

static void write_frames(void)
{
    uint8_t data[FRAME_MAX];
    pcap_t *pcap = pcap_open_dead(DLT_EN10MB, FRAME_MAX);
    pcap_dumper_t *dumper = pcap_dump_open(pcap, pcap_path);
    assert_non_null(dumper);
    for (int i = 0; i < FRAMES; i++) {
        uint32_t size = FRAME_MIN + (uint32_t)(i * 37) % (FRAME_MAX - FRAME_MIN);
        struct pcap_pkthdr header = {.ts = {1000 + i, 0}, .caplen = size, .len = size};
        for (uint32_t b = 0; b < size; b++)
            data[b] = (uint8_t)((uint32_t)i * 31 + b);
        pcap_dump((unsigned char *)dumper, &header, data);
    }
    pcap_dump_close(dumper);
    pcap_close(pcap);
}

static struct capture_dpdk_options options_with(const char *vdev)
{
    return (struct capture_dpdk_options){
        .eal_args = {"--no-huge", "--no-shconf", "--no-pci", "-m", "256", "--no-telemetry",
                     "--log-level=3", vdev},
        .eal_arg_count = 8,
        .port = "net_pcap0",
        .mbufs = 4095,
    };
}

static struct capture_source *open_dpdk_of_room(int data_room_bytes)
{
    static char vdev[128];
    snprintf(vdev, sizeof vdev, "--vdev=net_pcap0,rx_pcap=%s", pcap_path);
    struct capture_dpdk_options options = options_with(vdev);
    options.data_room_bytes = data_room_bytes;
    struct capture_source *source = NULL;
    struct err_text err;
    if (capture_dpdk_open(&options, &source, &err) != 0)
        fail_msg("%s", err.text);
    return source;
}

static struct capture_source *open_dpdk(void)
{
    return open_dpdk_of_room(0);
}

static void check_frames(struct capture_source *dpdk)
{
    struct capture_pcap_replay_options replay = {pcap_path, true};
    struct capture_source *pcap = NULL;
    assert_int_equal(capture_pcap_open_replay(&replay, &pcap, NULL), 0);
    struct capture_frame expected;
    struct capture_frame frames[CAPTURE_BURST_MAX];
    int seen = 0;
    for (int polls = 0; seen < FRAMES && polls < WAIT_POLLS; polls++) {
        int got = capture_poll(dpdk, frames, CAPTURE_BURST_MAX, 10);
        assert_true(got >= 0);
        for (int i = 0; i < got; i++, seen++) {
            assert_int_equal(capture_poll(pcap, &expected, 1, 0), 1);
            assert_int_equal(frames[i].size_bytes, expected.size_bytes);
            assert_int_equal(frames[i].wire_size_bytes, expected.wire_size_bytes);
            assert_memory_equal(frames[i].data, expected.data, expected.size_bytes);
        }
    }
    assert_int_equal(seen, FRAMES);
    assert_int_equal(capture_poll(pcap, &expected, 1, 0), ERR_STOPPED);
    struct capture_stats stats;
    capture_stats(dpdk, &stats);
    assert_int_equal(stats.frames, FRAMES);
    assert_int_equal(stats.missed + stats.no_buffer, 0);
    capture_close(dpdk);
    capture_close(pcap);
}

static void both_sources_yield_the_same_frames_in_order(void **state)
{
    (void)state;
    check_frames(open_dpdk());
}

/* Some frames fit in one buffer, the others are joined, in one burst. */
static void so_do_frames_of_several_buffers(void **state)
{
    enum { ROOM = 128 + 384 };
    (void)state;
    check_frames(open_dpdk_of_room(ROOM));
}

/* Runs after the environment was started by the test above. */
static void a_closed_port_opens_again(void **state)
{
    (void)state;
    for (int round = 0; round < 3; round++) {
        struct capture_frame frames[CAPTURE_BURST_MAX];
        struct capture_source *source = open_dpdk();
        assert_null(capture_trouble(source));
        assert_true(capture_poll(source, frames, CAPTURE_BURST_MAX, 1000) > 0);
        capture_close(source);
    }
}

/* A port that nothing wakes: its sleeps grow to their longest, and then there are few. */
static void an_idle_port_sleeps(void **state)
{
    enum { IDLE_MS = 1000, FIRST_SLEEPS = 10 };
    (void)state;
    struct capture_frame frames[CAPTURE_BURST_MAX];
    struct capture_source *source = open_dpdk();
    struct capture_stats before;
    struct capture_stats after;
    int seen = 0;
    while (seen < FRAMES)
        seen += capture_poll(source, frames, CAPTURE_BURST_MAX, IDLE_MS);
    assert_int_equal(capture_poll(source, frames, CAPTURE_BURST_MAX, IDLE_MS / 10), 0);
    capture_stats(source, &before);
    for (int i = 0; i < 10; i++)
        assert_int_equal(capture_poll(source, frames, CAPTURE_BURST_MAX, IDLE_MS / 10), 0);
    capture_stats(source, &after);
    assert_in_range(after.sleeps - before.sleeps, 1,
                    IDLE_MS * 1000 / CAPTURE_DPDK_SLEEP_MIN_US + FIRST_SLEEPS);
    capture_close(source);
}

static void a_queue_waits_for_the_first_and_no_port_has_more_than_it_has(void **state)
{
    (void)state;
    static char vdev[128];
    snprintf(vdev, sizeof vdev, "--vdev=net_pcap0,rx_pcap=%s", pcap_path);
    struct capture_dpdk_options options = options_with(vdev);
    struct capture_source *source = NULL;
    struct err_text err;
    options.queue_count = 2;
    options.queue = 1;
    assert_int_equal(capture_dpdk_open(&options, &source, &err), ERR_BUSY);
    options.queue = 0;
    assert_int_equal(capture_dpdk_open(&options, &source, &err), ERR_NOT_FOUND);
    assert_non_null(strstr(err.text, "queues = '2': it has 1 receive queues"));
    options.queue = 2;
    assert_int_equal(capture_dpdk_open(&options, &source, &err), ERR_INVALID);
}

static void two_sources_cannot_share_a_port(void **state)
{
    (void)state;
    struct capture_frame frames[CAPTURE_BURST_MAX];
    struct capture_source *first = open_dpdk();
    struct capture_source *second = NULL;
    struct err_text err;
    static char vdev[128];
    snprintf(vdev, sizeof vdev, "--vdev=net_pcap0,rx_pcap=%s", pcap_path);
    struct capture_dpdk_options options = options_with(vdev);
    options.port = "";
    assert_int_not_equal(capture_dpdk_open(&options, &second, &err), 0);
    assert_true(capture_poll(first, frames, CAPTURE_BURST_MAX, 1000) > 0);
    capture_close(first);
}

static void other_arguments_or_ports_are_refused(void **state)
{
    (void)state;
    struct capture_source *source = NULL;
    struct err_text err;
    struct capture_dpdk_options other = options_with("--vdev=net_null0");
    assert_int_equal(capture_dpdk_open(&other, &source, &err), ERR_CONFLICT);
    assert_non_null(strstr(err.text, "running with"));
    static char vdev[128];
    snprintf(vdev, sizeof vdev, "--vdev=net_pcap0,rx_pcap=%s", pcap_path);
    struct capture_dpdk_options missing = options_with(vdev);
    missing.port = "net_none7";
    assert_int_equal(capture_dpdk_open(&missing, &source, &err), ERR_NOT_FOUND);
    assert_non_null(strstr(err.text, "no port 'net_none7'"));
}

static int setup(void **state)
{
    (void)state;
    int fd = mkstemp(pcap_path);
    if (fd < 0)
        return -1;
    close(fd);
    write_frames();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    return unlink(pcap_path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_sources_yield_the_same_frames_in_order),
        cmocka_unit_test(so_do_frames_of_several_buffers),
        cmocka_unit_test(a_closed_port_opens_again),
        cmocka_unit_test(an_idle_port_sleeps),
        cmocka_unit_test(two_sources_cannot_share_a_port),
        cmocka_unit_test(a_queue_waits_for_the_first_and_no_port_has_more_than_it_has),
        cmocka_unit_test(other_arguments_or_ports_are_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
