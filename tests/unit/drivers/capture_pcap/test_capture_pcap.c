/* Replay: order, truncation, pace, the end, and what is no capture file. Live: refused interfaces.
 * That pcap and DPDK yield the same frames is shown in tests/unit/drivers/capture_dpdk. */
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

#include "drivers/capture_pcap/capture_pcap.h"

enum { FRAME_BYTES = 64, LONG_BYTES = 3000 };

struct file {
    char path[64];
};

static int setup(void **state)
{
    struct file *f = calloc(1, sizeof *f);
    if (!f)
        return -1;
    snprintf(f->path, sizeof f->path, "/tmp/replay.XXXXXX");
    int fd = mkstemp(f->path);
    if (fd < 0) {
        free(f);
        return -1;
    }
    close(fd);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct file *f = *state;
    unlink(f->path);
    free(f);
    return 0;
}

/* Frames of `size` bytes filled with their number, gap_ms apart. */
static void write_file(const char *path, int link, int frames, uint32_t size, int gap_ms)
{
    uint8_t data[LONG_BYTES];
    pcap_t *pcap = pcap_open_dead(link, LONG_BYTES);
    pcap_dumper_t *dumper = pcap_dump_open(pcap, path);
    assert_non_null(dumper);
    for (int i = 0; i < frames; i++) {
        struct pcap_pkthdr header = {.caplen = size, .len = size};
        header.ts.tv_sec = 1000 + i * gap_ms / 1000;
        header.ts.tv_usec = (i * gap_ms % 1000) * 1000;
        memset(data, i, size);
        pcap_dump((unsigned char *)dumper, &header, data);
    }
    pcap_dump_close(dumper);
    pcap_close(pcap);
}

static struct capture_source *open_replay(const char *path, bool full_speed)
{
    struct capture_pcap_replay_options options = {path, full_speed};
    struct capture_source *source = NULL;
    struct err_text err;
    if (capture_pcap_open_replay(&options, &source, &err) != 0)
        fail_msg("%s", err.text);
    return source;
}

static void full_speed_yields_every_frame_in_order_and_ends(void **state)
{
    struct file *f = *state;
    write_file(f->path, DLT_EN10MB, 100, FRAME_BYTES, 1000);
    struct capture_source *source = open_replay(f->path, true);
    struct capture_frame frames[CAPTURE_BURST_MAX];
    int seen = 0;
    int got;
    while ((got = capture_poll(source, frames, CAPTURE_BURST_MAX, 0)) > 0)
        for (int i = 0; i < got; i++) {
            assert_int_equal(frames[i].size_bytes, FRAME_BYTES);
            assert_int_equal(frames[i].data[0], seen);
            seen++;
        }
    assert_int_equal(got, ERR_STOPPED);
    assert_int_equal(seen, 100);
    struct capture_stats stats;
    capture_stats(source, &stats);
    assert_int_equal(stats.frames, 100);
    assert_int_equal(stats.errors, 0);
    capture_close(source);
}

static void recorded_pace_keeps_the_gaps(void **state)
{
    struct file *f = *state;
    write_file(f->path, DLT_EN10MB, 4, FRAME_BYTES, 20);
    struct capture_source *source = open_replay(f->path, false);
    struct capture_frame frame;
    struct mono_time at[4] = {{0}};
    int seen = 0;
    int got;
    while ((got = capture_poll(source, &frame, 1, 1000)) >= 0) {
        if (got == 1) {
            assert_true(seen < 4);
            at[seen++] = frame.mono;
        }
    }
    assert_int_equal(seen, 4);
    assert_true(at[3].ns - at[0].ns >= INT64_C(60) * 1000000);
    capture_close(source);
}

static void recorded_pace_waits_no_longer_than_asked(void **state)
{
    struct file *f = *state;
    write_file(f->path, DLT_EN10MB, 2, FRAME_BYTES, 50000);
    struct capture_source *source = open_replay(f->path, false);
    struct capture_frame frame;
    assert_int_equal(capture_poll(source, &frame, 1, 0), 1);
    assert_int_equal(capture_poll(source, &frame, 1, 5), 0);
    capture_close(source);
}

static void long_frames_are_truncated_and_say_so(void **state)
{
    struct file *f = *state;
    write_file(f->path, DLT_EN10MB, 1, LONG_BYTES, 0);
    struct capture_source *source = open_replay(f->path, true);
    struct capture_frame frame;
    assert_int_equal(capture_poll(source, &frame, 1, 0), 1);
    assert_int_equal(frame.size_bytes, CAPTURE_FRAME_SIZE_MAX);
    assert_int_equal(frame.wire_size_bytes, LONG_BYTES);
    capture_close(source);
}

static void a_cut_file_ends_with_a_counted_error(void **state)
{
    struct file *f = *state;
    write_file(f->path, DLT_EN10MB, 2, FRAME_BYTES, 0);
    assert_int_equal(truncate(f->path, 24 + 2 * (16 + FRAME_BYTES) - 5), 0);
    struct capture_source *source = open_replay(f->path, true);
    struct capture_frame frame;
    struct capture_stats stats;
    assert_int_equal(capture_poll(source, &frame, 1, 0), 1);
    assert_int_equal(capture_poll(source, &frame, 1, 0), ERR_STOPPED);
    capture_stats(source, &stats);
    assert_int_equal(stats.errors, 1);
    capture_close(source);
}

static void assert_refused(const char *path, int code, const char *text)
{
    struct capture_pcap_replay_options options = {path, true};
    struct capture_source *source = NULL;
    struct err_text err;
    assert_int_equal(capture_pcap_open_replay(&options, &source, &err), code);
    if (!strstr(err.text, text))
        fail_msg("'%s' lacks '%s'", err.text, text);
    assert_null(source);
}

static void what_is_no_ethernet_capture_is_refused(void **state)
{
    struct file *f = *state;
    assert_refused(f->path, ERR_INVALID, "truncated");
    write_file(f->path, DLT_RAW, 1, FRAME_BYTES, 0);
    assert_refused(f->path, ERR_UNSUPPORTED, "link type RAW, expected Ethernet");
    assert_refused("/nonexistent.pcap", ERR_NOT_FOUND,
                   "replay '/nonexistent.pcap': No such file or directory");
}

static void an_unknown_interface_is_refused_by_name(void **state)
{
    (void)state;
    struct capture_pcap_live_options options = {.interface = "nosuch0"};
    struct capture_source *source = NULL;
    struct err_text err;
    assert_int_not_equal(capture_pcap_open_live(&options, &source, &err), 0);
    assert_non_null(strstr(err.text, "interface 'nosuch0'"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(full_speed_yields_every_frame_in_order_and_ends, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(recorded_pace_keeps_the_gaps, setup, teardown),
        cmocka_unit_test_setup_teardown(recorded_pace_waits_no_longer_than_asked, setup, teardown),
        cmocka_unit_test_setup_teardown(long_frames_are_truncated_and_say_so, setup, teardown),
        cmocka_unit_test_setup_teardown(a_cut_file_ends_with_a_counted_error, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_no_ethernet_capture_is_refused, setup, teardown),
        cmocka_unit_test(an_unknown_interface_is_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
