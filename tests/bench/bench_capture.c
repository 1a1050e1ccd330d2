/*
 * Frames to verdicts on one core: a capture source, the quick look, all matchers (exact,
 * look-alike, 1,000 partial plates), and the full way for what may be a hit. No passage has room,
 * as when more frames come than can be kept: reads without a hit are told apart and counted, hits
 * are received, matched and handed over, and each run must hand over every hit that was planted.
 * Beside it, in turn: with an index of exact plates alone, with the look alone, and frames taken
 * and given back without a look, which is what the source leaves to the rest. Medians; last line:
 * one JSON object.
 *
 * bench_capture [--entries N] [--source memory|pcap|dpdk] [--frame-bytes 64|100] [--frames N]
 *               [--runs N] [--seed N]
 *
 * pcap and dpdk (net_pcap, infinite_rx) read a file that is written first. net_pcap copies each
 * frame out of memory of its own, where a card would have put it into the cache: its file is small
 * enough to stay there (--frames 262144 shows what it costs when it is not). So that plates do not
 * find their way warm from the round before, each round meets another table of the same list.
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
#include "tests/bench/bench_bare.h"
#include "tests/bench/bench_frames.h"
#include "tests/bench/bench_pages.h"

enum {
    PARTIALS = 1000,
    HITS_PER_MILLION = 1000,
    RUN_FRAMES = 1 << 20,
    FILE_FRAMES = 1 << 18,
    DPDK_FRAMES = 1 << 16,
    DPDK_ROUNDS = 16, /* of the file, in a run */
    DPDK_TABLES = 4,  /* in turn, a round each */
    DPDK_PLATES = DPDK_TABLES * DPDK_FRAMES,
    EMPTY_POLLS_MAX = 1000 /* in a row: the source gives nothing any more */
};

enum source_kind { SOURCE_MEMORY, SOURCE_PCAP, SOURCE_DPDK };

static const char *const source_names[] = {"memory", "pcap", "dpdk"};
static const char dpdk_port[] = "net_pcap0";

/* How much is done with a frame. */
enum stage { STAGE_RECEIVE, STAGE_LOOK, STAGE_EXACT, STAGE_ALL, STAGES };

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
    struct match_index *tables[STAGES][DPDK_TABLES]; /* NULL: matched against nothing */
    size_t table_count;
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
    static const uint64_t default_frames[] = {RUN_FRAMES, FILE_FRAMES, DPDK_FRAMES};
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
        o.frames = default_frames[o.source];
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
    for (size_t i = 0; i < b->table_count; i++) {
        struct err_text err;
        if (match_index_create(addresses, whole + PARTIALS, NULL, &b->tables[STAGE_ALL][i], &err) ||
            match_index_create(addresses, whole, &exact_only, &b->tables[STAGE_EXACT][i], &err))
            bench_fail("%s", err.text);
    }
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
    struct capture_dpdk_options options = {.port = dpdk_port,
                                           .mbufs = (int)b->frames.count + SPARE_MBUFS,
                                           .data_room_bytes = DATA_ROOM};
    bool large = bench_pages_reserve((b->frames.count + SPARE_MBUFS) * 1024 + (64 << 20));
    const char *const args[] = {"--no-pci", "--no-telemetry", "--no-shconf", device,
                                large ? "--in-memory" : "--no-huge"};
    (void)snprintf(device, sizeof device, "--vdev=%s,rx_pcap=%s,infinite_rx=1", dpdk_port, b->path);
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

/* One burst; how many frames it had. */
static int take_burst(struct bench *b, struct capture_source *source, enum stage stage,
                      size_t round)
{
    struct capture_frame frames[CAPTURE_BURST_MAX];
    const struct capture_view view = {.index = b->tables[stage][round % b->table_count],
                                      .clock_trusted = true};
    if (stage == STAGE_RECEIVE && b->options.source == SOURCE_DPDK)
        return bench_bare_receive(dpdk_port);
    int count = capture_poll(source, frames, CAPTURE_BURST_MAX, 0);
    if (stage != STAGE_RECEIVE && count > 0)
        capture_sift_burst(b->sift, &view, frames, (size_t)count);
    return count;
}

static double run_mps(struct bench *b, enum stage stage)
{
    struct capture_source *source = b->source ? b->source : open_file(b);
    const uint64_t rounds = b->options.source == SOURCE_DPDK ? DPDK_ROUNDS : 1;
    const uint64_t left = rounds * b->frames.count;
    uint64_t done = 0;
    int empty = 0;
    b->hits = 0;
    uint64_t from = bench_cpu_ns();
    while (done < left && empty < EMPTY_POLLS_MAX) {
        int count = take_burst(b, source, stage, done / b->frames.count);
        if (count < 0)
            break;
        empty = count == 0 ? empty + 1 : 0;
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
    if (b->tables[stage][0] && b->hits < planted)
        bench_fail("%llu hits, %llu were planted", (unsigned long long)b->hits,
                   (unsigned long long)planted);
    return (double)done * 1e3 / (double)ns;
}

/* The median of the ratios, each of one and the same repetition. */
static double ratio(size_t runs, const double *over, const double *under)
{
    double ratios[BENCH_RUNS_MAX];
    for (size_t i = 0; i < runs; i++)
        ratios[i] = over[i] / under[i];
    return bench_median(ratios, runs);
}

static void print_line(struct bench *b, double mpps[STAGES][BENCH_RUNS_MAX])
{
    struct bench_json json;
    const struct match_index *all = b->tables[STAGE_ALL][0];
    size_t runs = (size_t)b->options.runs;
    double over_exact = ratio(runs, mpps[STAGE_ALL], mpps[STAGE_EXACT]); /* medians sort */
    double over_receive = ratio(runs, mpps[STAGE_ALL], mpps[STAGE_RECEIVE]);
    bench_json_begin(&json, stdout);
    bench_json_integer(&json, "entries", b->options.entries);
    bench_json_text(&json, "source", source_names[b->options.source]);
    bench_json_integer(&json, "frame_bytes", b->options.frame_bytes);
    bench_json_number(&json, "mpps", bench_median(mpps[STAGE_ALL], runs), 2);
    bench_json_number(&json, "exact_only_mpps", bench_median(mpps[STAGE_EXACT], runs), 2);
    bench_json_number(&json, "rx_look_mpps", bench_median(mpps[STAGE_LOOK], runs), 2);
    bench_json_number(&json, "rx_only_mpps", bench_median(mpps[STAGE_RECEIVE], runs), 2);
    bench_json_number(&json, "all_over_exact", over_exact, 3);
    bench_json_number(&json, "all_over_rx_only", over_receive, 3);
    bench_json_integer(&json, "drops", b->drops);
    bench_json_integer(&json, "hits", b->hits);
    bench_json_integer(&json, "frames", b->frames.count);
    bench_json_integer(&json, "tables", b->table_count);
    bench_json_integer(&json, "runs", b->options.runs);
    bench_json_text(&json, "pages", match_index_pages(all));
    bench_json_text(&json, "kernel", match_kernel_name(match_index_kernel(all)));
    bench_json_end(&json);
}

static void measure(struct bench *b)
{
    static double mpps[STAGES][BENCH_RUNS_MAX];
    (void)run_mps(b, STAGE_ALL); /* warm */
    for (uint64_t r = 0; r < b->options.runs; r++)
        for (enum stage stage = STAGE_RECEIVE; stage < STAGES; stage++)
            mpps[stage][r] = run_mps(b, stage);
    print_line(b, mpps);
}

/* As many plates come before one comes again to the same table, whatever the file's size. */
static size_t table_count(const struct options *o)
{
    uint64_t files = DPDK_PLATES / o->frames;
    if (o->source != SOURCE_DPDK || files < 1)
        return 1;
    return files < DPDK_TABLES ? (size_t)files : DPDK_TABLES;
}

static void set_up(struct bench *b)
{
    const struct bench_plan plan = {.listed_count = (size_t)b->options.entries,
                                    .query_count = (size_t)b->options.frames,
                                    .hits_per_million = HITS_PER_MILLION,
                                    .seed = b->options.seed};
    const struct capture_taker taker = {no_room, take, b};
    b->table_count = table_count(&b->options);
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
    for (size_t i = 0; i < b->table_count; i++) {
        match_index_destroy(b->tables[STAGE_ALL][i]);
        match_index_destroy(b->tables[STAGE_EXACT][i]);
    }
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
