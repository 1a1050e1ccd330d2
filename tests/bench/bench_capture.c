/*
 * Frames to verdicts on one core: a capture source, the quick look, all matchers (exact,
 * look-alike, 1,000 partial plates), and the full way for what may be a hit. No passage has room,
 * as when more frames come than can be kept: reads without a hit are told apart and counted, hits
 * are received, matched and handed over, and each run must hand over every hit that was planted.
 * Beside it, in turn, the same with an index of exact plates alone. Medians; last line: one JSON
 * object.
 *
 * bench_capture [--entries N] [--source memory|pcap|dpdk] [--frame-bytes 64|100] [--frames N]
 *               [--runs N] [--seed N]
 *
 * pcap and dpdk (net_pcap, infinite_rx) read a file that is written first.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "drivers/capture_dpdk/capture_dpdk.h"
#include "drivers/capture_pcap/capture_pcap.h"
#include "gateway/base/rcu.h"
#include "gateway/capture/sift.h"
#include "tests/bench/bench_frames.h"
#include "tests/bench/bench_pages.h"

enum {
    PARTIALS = 1000,
    HITS_PER_MILLION = 1000,
    RUN_FRAMES = 1 << 20,
    FILE_FRAMES = 1 << 18,
    DPDK_ROUNDS = 16,      /* of the file, in a run */
    EMPTY_POLLS_MAX = 1000 /* in a row: the source gives nothing any more */
};

enum source_kind { SOURCE_MEMORY, SOURCE_PCAP, SOURCE_DPDK };

static const char *const source_names[] = {"memory", "pcap", "dpdk"};

struct options {
    uint64_t entries;
    uint64_t frames;
    uint64_t runs;
    uint64_t seed;
    uint32_t frame_bytes;
    enum source_kind source;
};

struct bench {
    struct options options;
    struct bench_keys keys;
    struct bench_frames frames;
    struct match_entry *entries;
    struct match_index *all;
    struct match_index *exact;
    struct receiver_options receiver_options;
    struct camera_table *cameras;
    struct receiver *receiver;
    struct capture_sift *sift;
    struct capture_source *source; /* NULL: a file is opened anew for each run */
    char path[64];
    uint64_t hits; /* handed over in this run */
    uint64_t drops;
};

/* ---- arguments ---- */

static enum source_kind source_of(const char *text)
{
    for (int i = SOURCE_MEMORY; i <= SOURCE_DPDK; i++)
        if (strcmp(text, source_names[i]) == 0)
            return (enum source_kind)i;
    bench_fail("--source = '%s': expected memory, pcap or dpdk", text);
}

static struct options parse(int argc, char **argv)
{
    static const struct option names[] = {{"entries", required_argument, NULL, 'e'},
                                          {"source", required_argument, NULL, 'o'},
                                          {"frame-bytes", required_argument, NULL, 'b'},
                                          {"frames", required_argument, NULL, 'f'},
                                          {"runs", required_argument, NULL, 'r'},
                                          {"seed", required_argument, NULL, 's'},
                                          {NULL, 0, NULL, 0}};
    struct options o = {.entries = 1000000, .runs = 9, .seed = 20261126, .frame_bytes = 100};
    int option;
    while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
        if (option == 'e')
            o.entries = bench_number("entries", optarg, 50 * 1000 * 1000);
        else if (option == 'o')
            o.source = source_of(optarg);
        else if (option == 'b')
            o.frame_bytes = (uint32_t)bench_number("frame-bytes", optarg, 100);
        else if (option == 'f')
            o.frames = bench_number("frames", optarg, 16 << 20);
        else if (option == 'r')
            o.runs = bench_number("runs", optarg, BENCH_RUNS_MAX);
        else if (option == 's')
            o.seed = bench_number("seed", optarg, UINT64_MAX);
        else
            bench_fail("see the head of bench_capture.c for the options");
    }
    if (optind < argc)
        bench_fail("'%s': expected an option", argv[optind]);
    if (o.frames == 0)
        o.frames = o.source == SOURCE_MEMORY ? RUN_FRAMES : FILE_FRAMES;
    return o;
}

/* ---- the list ---- */

/* A plate with two of its serial's characters not known. */
static plate_key partial_plate(uint64_t *state)
{
    uint8_t symbols[PLATE_SYMBOLS_MAX];
    plate_key whole = bench_random_plate(state);
    int count = plate_symbols(whole, symbols);
    int first = 2 + (int)(bench_draw(state) % 4);
    symbols[first] = symbols[first + 1] = 127;
    return plate_key_of_symbols(symbols, count);
}

static void create_indexes(struct bench *b)
{
    uint64_t state = b->options.seed + 1;
    const struct match_options exact_only = {.look_alike_max = 0};
    size_t whole = b->keys.listed_count;
    const struct match_entry **addresses = calloc(whole + PARTIALS, sizeof(void *));
    b->entries = calloc(whole + PARTIALS, sizeof *b->entries);
    if (!addresses || !b->entries)
        bench_fail("no memory for %zu entries", whole);
    for (size_t i = 0; i < whole + PARTIALS; i++) {
        b->entries[i] = (struct match_entry){
            .record = {.id = i + 1,
                       .key = i < whole ? b->keys.listed[i] : partial_plate(&state),
                       .valid_until = {INT64_MAX},
                       .class = PLATE_CLASS_ANY,
                       .priority = 2,
                       .handling = HANDLING_STOP},
            .text = ""};
        addresses[i] = &b->entries[i];
    }
    struct err_text err;
    if (match_index_create(addresses, whole + PARTIALS, NULL, &b->all, &err) != 0 ||
        match_index_create(addresses, whole, &exact_only, &b->exact, &err) != 0)
        bench_fail("%s", err.text);
    free(addresses);
}

/* ---- where reads go ---- */

static size_t no_room(void *ctx)
{
    (void)ctx; /* never any */
    return 0;
}

static bool take(void *ctx, const struct plate_read *read, const struct match_result *result)
{
    struct bench *b = ctx;
    (void)read; /* what it means is what counts */
    b->hits += result->hit_count > 0;
    return false;
}

/* ---- sources ---- */

/* A file without a name, gone with the program however it ends. */
static void write_file(struct bench *b)
{
    char name[] = "/tmp/bench_capture_XXXXXX";
    int fd = mkostemp(name, O_CLOEXEC);
    if (fd < 0 || unlink(name) != 0)
        bench_fail("%s: %s", name, strerror(errno));
    (void)snprintf(b->path, sizeof b->path, "/proc/self/fd/%d", fd); /* fits */
    bench_frames_write(&b->frames, b->path);
}

static struct capture_source *open_file(const struct bench *b)
{
    struct capture_source *source = NULL;
    struct err_text err;
    const struct capture_pcap_replay_options options = {.path = b->path, .full_speed = true};
    if (capture_pcap_open_replay(&options, &source, &err) != 0)
        bench_fail("%s", err.text);
    return source;
}

/* The file goes into the pool whole: one buffer a frame, small ones so that they lie apart. */
static struct capture_source *open_dpdk(const struct bench *b)
{
    enum { SPARE_MBUFS = 16384, DATA_ROOM = 128 + 128 };
    static char device[128];
    struct capture_source *source = NULL;
    struct err_text err;
    struct capture_dpdk_options options = {.port = "net_pcap0",
                                           .mbufs = (int)b->frames.count + SPARE_MBUFS,
                                           .data_room_bytes = DATA_ROOM};
    bool large = bench_pages_reserve((b->frames.count + SPARE_MBUFS) * 1024 + (64 << 20));
    const char *const args[] = {"--no-pci", "--no-telemetry", "--no-shconf", device,
                                large ? "--in-memory" : "--no-huge"};
    (void)snprintf(device, sizeof device, "--vdev=net_pcap0,rx_pcap=%s,infinite_rx=1", b->path);
    for (size_t i = 0; i < sizeof args / sizeof args[0]; i++)
        options.eal_args[options.eal_arg_count++] = args[i];
    if (!large) {
        options.eal_args[options.eal_arg_count++] = "-m";
        options.eal_args[options.eal_arg_count++] = "768";
    }
    if (capture_dpdk_open(&options, &source, &err) != 0)
        bench_fail("%s", err.text);
    return source;
}

/* ---- measuring ---- */

static double run_mps(struct bench *b, const struct match_index *index)
{
    struct capture_frame frames[CAPTURE_BURST_MAX];
    const struct capture_view view = {.index = index, .clock_trusted = true};
    struct capture_source *source = b->source ? b->source : open_file(b);
    const uint64_t rounds = b->options.source == SOURCE_DPDK ? DPDK_ROUNDS : 1;
    const uint64_t left = rounds * b->frames.count;
    uint64_t done = 0;
    int empty = 0;
    b->hits = 0;
    uint64_t from = bench_cpu_ns();
    while (done < left && empty < EMPTY_POLLS_MAX) {
        int count = capture_poll(source, frames, CAPTURE_BURST_MAX, 0);
        if (count < 0)
            break;
        empty = count == 0 ? empty + 1 : 0;
        capture_sift_burst(b->sift, &view, frames, (size_t)count);
        done += (uint64_t)count;
    }
    uint64_t ns = bench_cpu_ns() - from;
    struct capture_stats stats;
    capture_stats(source, &stats);
    b->drops = stats.missed + stats.no_buffer;
    if (source != b->source)
        capture_close(source);
    if (done < left)
        bench_fail("%llu frames of %llu came", (unsigned long long)done, (unsigned long long)left);
    uint64_t planted = bench_keys_hits(&b->keys, 0, b->keys.query_count) * rounds;
    if (index && b->hits < planted)
        bench_fail("%llu hits, %llu were planted", (unsigned long long)b->hits,
                   (unsigned long long)planted);
    return (double)done * 1e3 / (double)ns;
}

static void print_line(struct bench *b, double *all, double *exact, double *look)
{
    struct bench_json json;
    size_t runs = (size_t)b->options.runs;
    double ratios[BENCH_RUNS_MAX];
    for (size_t i = 0; i < runs; i++)
        ratios[i] = all[i] / exact[i]; /* of one and the same repetition */
    bench_json_begin(&json, stdout);
    bench_json_integer(&json, "entries", b->options.entries);
    bench_json_text(&json, "source", source_names[b->options.source]);
    bench_json_integer(&json, "frame_bytes", b->options.frame_bytes);
    bench_json_number(&json, "mpps", bench_median(all, runs), 2);
    bench_json_number(&json, "exact_only_mpps", bench_median(exact, runs), 2);
    bench_json_number(&json, "look_only_mpps", bench_median(look, runs), 2);
    bench_json_number(&json, "all_over_exact", bench_median(ratios, runs), 3);
    bench_json_integer(&json, "drops", b->drops);
    bench_json_integer(&json, "hits", b->hits);
    bench_json_integer(&json, "runs", b->options.runs);
    bench_json_text(&json, "pages", match_index_pages(b->all));
    bench_json_text(&json, "kernel", match_kernel_name(match_index_kernel(b->all)));
    bench_json_end(&json);
}

static void measure(struct bench *b)
{
    double all[BENCH_RUNS_MAX];
    double exact[BENCH_RUNS_MAX];
    double look[BENCH_RUNS_MAX];
    (void)run_mps(b, b->all); /* warm */
    for (uint64_t r = 0; r < b->options.runs; r++) {
        exact[r] = run_mps(b, b->exact);
        look[r] = run_mps(b, NULL);
        all[r] = run_mps(b, b->all);
    }
    print_line(b, all, exact, look);
}

static void set_up(struct bench *b)
{
    const struct bench_plan plan = {.listed_count = (size_t)b->options.entries,
                                    .query_count = (size_t)b->options.frames,
                                    .hits_per_million = HITS_PER_MILLION,
                                    .seed = b->options.seed};
    const struct capture_taker taker = {no_room, take, b};
    bench_keys_create(&plan, &b->keys);
    bench_frames_create(b->keys.queries, b->keys.query_count, b->options.frame_bytes, &b->frames);
    create_indexes(b);
    bench_receiver_create(&b->cameras, &b->receiver, &b->receiver_options);
    if (capture_sift_create(&b->receiver_options, b->receiver, &taker, &b->sift, NULL) != 0)
        bench_fail("no memory");
    if (b->options.source == SOURCE_MEMORY)
        b->source = bench_frames_source(&b->frames);
    else
        write_file(b);
    if (b->options.source == SOURCE_DPDK)
        b->source = open_dpdk(b);
}

static void tear_down(struct bench *b)
{
    capture_close(b->source);
    capture_sift_destroy(b->sift);
    receiver_destroy(b->receiver);
    camera_table_destroy(b->cameras);
    match_index_destroy(b->all);
    match_index_destroy(b->exact);
    free(b->entries);
    bench_frames_destroy(&b->frames);
    bench_keys_destroy(&b->keys);
}

int main(int argc, char **argv)
{
    static struct bench b;
    b.options = parse(argc, argv);
    rcu_reader_register();
    set_up(&b);
    measure(&b);
    tear_down(&b);
    rcu_reader_unregister();
    return 0;
}
