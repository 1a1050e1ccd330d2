/*
 * Load for bench_hq.py, hqd over one store: records a second from one box with every batch
 * committed and answered by a receipt, in batches as uplinkd makes them of a backlog and in batches
 * of --batch records beside, a bare insert of the same bytes between; and boxes held, each with a
 * certificate of its own, while another sends 500 records a second. The real hqd and real TLS on
 * loopback; the client shares the machine. Records are made before the clock runs. Options:
 * --records N --batch N
 * --runs N --boxes N --database URL (none: SQLite) --hqd FILE. Last line: one JSON object.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "gateway/uplink/outbox.h"
#include "tests/bench/bench.h"
#include "tests/bench/bench_hq_bare.h"
#include "tests/bench/bench_hq_site.h"

enum { WAIT_S = 30, PATH_ROOM = 128, PACE_S = 5, PACE_PER_S = 500 };

struct options {
    size_t records;
    size_t batch; /* records of one request, for the figures beside */
    size_t runs;
    size_t boxes;
    const char *database; /* "": SQLite */
    char hqd[256];
};

struct figures {
    double records_per_s;
    double small_records_per_s; /* with batches of --batch records */
    double cpu_us;              /* of hqd a record, which neighbours on the machine disturb least */
    double small_cpu_us;
    double bare_per_s;
    double held_kb;
    double held_p99_ms;
};

static double seconds_since(uint64_t begin)
{
    return (double)(bench_wall_ns() - begin) / 1e9;
}

static double p99(double *values, size_t count)
{
    (void)bench_median(values, count); /* sorts */
    return values[(count * 99 + 99) / 100 - 1];
}

/* Lines of a journal made beforehand. */
struct lines {
    char *text;
    size_t *ends; /* of line i */
    size_t count;
};

static void make_lines(struct hq_journal *journal, size_t count, enum journal_kind kind,
                       struct lines *out)
{
    size_t room = count * 1200 + HQ_LINE_MAX;
    size_t at = 0;
    *out = (struct lines){
        .text = bench_room(room, 1), .ends = bench_room(count, sizeof(size_t)), .count = count};
    for (size_t i = 0; i < count; i++) {
        if (at + HQ_LINE_MAX > room)
            bench_fail("records are longer than expected");
        at += hq_journal_add(journal, journal->head.sequence == 0 ? JOURNAL_START : kind,
                             out->text + at);
        out->ends[i] = at;
    }
}

static void free_lines(struct lines *lines)
{
    free(lines->text);
    free(lines->ends);
}

static void post_path(size_t box, const char *what, char out[PATH_ROOM])
{
    char name[32];
    hq_site_box_name(box, name);
    (void)snprintf(out, PATH_ROOM, "/v1/checkpoints/%s/%s", name, what); /* fits */
}

/* Where the batch that begins with line `from` ends, `batch` lines of it (0: as many as uplinkd
 * sends of a backlog). */
static size_t batch_end(const struct lines *lines, size_t from, size_t batch)
{
    size_t start = from ? lines->ends[from - 1] : 0;
    size_t most = batch ? batch : OUTBOX_BATCH_RECORDS_MAX;
    size_t end = from + 1;
    while (end < lines->count && end - from < most &&
           (batch || lines->ends[end] - start <= OUTBOX_BATCH_MAX))
        end++;
    return end;
}

/* Puts them all to hqd or, with `bare`, into a table beside; seconds. */
static double drain(struct hq_client *client, const struct lines *lines, size_t batch,
                    struct bare_store *bare)
{
    char path[PATH_ROOM];
    uint64_t begin = bench_wall_ns();
    post_path(0, "records", path);
    for (size_t from = 0; from < lines->count;) {
        size_t end = batch_end(lines, from, batch);
        size_t at = from ? lines->ends[from - 1] : 0;
        from = end;
        if (bare) {
            bare_store_put(bare, lines->text + at, lines->ends[end - 1] - at);
            continue;
        }
        hq_client_send(client, "POST", path, lines->text + at, lines->ends[end - 1] - at);
        if (hq_client_wait(client) != 200)
            bench_fail("records refused: %s", client->answer);
    }
    return seconds_since(begin);
}

/* Records made now and sent; records a second, and microseconds of hqd's CPU a record. *out_bare
 * (may be NULL): records a second of the bare insert, in turn with it. */
static double rate(const struct hq_site *site, size_t records, size_t batch,
                   struct hq_journal *journal, struct hq_client *client, double *out_cpu_us,
                   struct bare_store *bare, double *out_bare)
{
    struct lines lines;
    make_lines(journal, records, JOURNAL_PASSAGE, &lines);
    double before = hq_site_cpu_s(site);
    double seconds = drain(client, &lines, batch, NULL);
    *out_cpu_us = (hq_site_cpu_s(site) - before) * 1e6 / (double)records;
    if (out_bare)
        *out_bare = (double)records / drain(client, &lines, batch, bare);
    free_lines(&lines);
    return (double)records / seconds;
}

static void measure_rate(const struct hq_site *site, const struct options *o, const char *beside,
                         struct figures *out)
{
    double rates[BENCH_RUNS_MAX];
    double small[BENCH_RUNS_MAX];
    double cpu[BENCH_RUNS_MAX];
    double small_cpu[BENCH_RUNS_MAX];
    double bare_rates[BENCH_RUNS_MAX];
    struct hq_journal journal;
    struct hq_client client;
    struct bare_store bare;
    bare_store_open(beside, &bare);
    hq_client_box(site, 0, &client);
    hq_journal_init(&journal, 0, 1);
    for (size_t run = 0; run < o->runs; run++) {
        rates[run] =
            rate(site, o->records, 0, &journal, &client, &cpu[run], &bare, &bare_rates[run]);
        small[run] =
            rate(site, o->records, o->batch, &journal, &client, &small_cpu[run], NULL, NULL);
    }
    out->cpu_us = bench_median(cpu, o->runs);
    out->small_cpu_us = bench_median(small_cpu, o->runs);
    out->records_per_s = bench_median(rates, o->runs);
    out->small_records_per_s = bench_median(small, o->runs);
    out->bare_per_s = bench_median(bare_rates, o->runs);
    hq_client_close(&client);
    bare_store_close(&bare);
}

/* Until so many requests wait at hqd, by what it says itself; its answer to that is one more. */
static void wait_for_waiting(struct hq_client *operator_end, size_t count)
{
    static const char name[] = "\nhqd_open_requests ";
    for (uint64_t end = bench_wall_ns() + WAIT_S * 1000000000ULL;;) {
        hq_client_send(operator_end, "GET", "/v1/operator/metrics", "", 0);
        if (hq_client_wait(operator_end) != 200)
            bench_fail("metrics refused: %s", operator_end->answer);
        const char *line = strstr(operator_end->answer, name);
        if (line && strtoull(line + strlen(name), NULL, 10) >= count + 1)
            return;
        if (!line || bench_wall_ns() > end)
            bench_fail("%zu requests do not wait after %d s", count, WAIT_S);
    }
}

/* One record a request at an even pace, its time counted from when it was due. */
static double paced_p99_ms(const struct hq_site *site, const struct lines *lines)
{
    struct hq_client client;
    char path[PATH_ROOM];
    double *ms = bench_room(lines->count, sizeof(*ms));
    hq_client_box(site, 3, &client);
    post_path(3, "records", path);
    uint64_t begin = bench_wall_ns();
    size_t from = 0;
    for (size_t i = 0; i < lines->count; i++) {
        uint64_t due = begin + i * (1000000000ULL / PACE_PER_S);
        while (bench_wall_ns() < due)
            usleep(100);
        hq_client_send(&client, "POST", path, lines->text + from, lines->ends[i] - from);
        if (hq_client_wait(&client) != 200)
            bench_fail("record refused: %s", client.answer);
        ms[i] = (double)(bench_wall_ns() - due) / 1e6;
        from = lines->ends[i];
    }
    double result = p99(ms, lines->count);
    free(ms);
    hq_client_close(&client);
    return result;
}

static void measure_held(const struct hq_site *site, const struct options *o, struct figures *out)
{
    struct hq_client *held = bench_room(o->boxes, sizeof(*held));
    struct hq_client looks;
    struct hq_journal journal;
    struct lines lines;
    char path[PATH_ROOM];
    hq_client_operator(site, &looks);
    hq_journal_init(&journal, 3, 4);
    make_lines(&journal, PACE_S * PACE_PER_S, JOURNAL_PASSAGE, &lines);
    wait_for_waiting(&looks, 0); /* what such an answer takes is in `before` */
    uint64_t before = hq_site_memory_bytes(site);
    for (size_t i = 0; i < o->boxes; i++) {
        hq_client_box(site, 10 + i, &held[i]);
        post_path(10 + i, "inbox?after=0&wait=60", path);
        hq_client_send(&held[i], "GET", path, "", 0);
    }
    wait_for_waiting(&looks, o->boxes);
    out->held_kb = (double)(hq_site_memory_bytes(site) - before) / 1024 / (double)o->boxes;
    out->held_p99_ms = paced_p99_ms(site, &lines);
    for (size_t i = 0; i < o->boxes; i++)
        hq_client_close(&held[i]);
    hq_client_close(&looks);
    free_lines(&lines);
    free(held);
}

static void measure(const struct options *o, struct figures *out)
{
    struct hq_site site;
    char folder[64] = "/tmp/bench_hq.XXXXXX";
    char inside[128];
    char bare[160];
    if (!mkdtemp(folder))
        bench_fail("%s", folder);
    (void)snprintf(inside, sizeof(inside), "%s/hq", folder); /* fits */
    hq_site_create(inside, o->hqd, o->database, o->boxes + 10, &site);
    (void)snprintf(bare, sizeof(bare), "%s/bare.sqlite", inside); /* fits; goes with the folder */
    measure_rate(&site, o, o->database[0] ? o->database : bare, out);
    if (o->boxes)
        measure_held(&site, o, out);
    hq_site_destroy(&site);
    if (rmdir(folder) != 0)
        bench_fail("%s is not empty", folder);
}

static void print(const struct options *o, const struct figures *f)
{
    struct bench_json json;
    bench_json_begin(&json, stdout);
    bench_json_text(&json, "bench", "hq_load");
    bench_json_integer(&json, "records", o->records);
    bench_json_integer(&json, "batch", o->batch);
    bench_json_integer(&json, "runs", o->runs);
    bench_json_integer(&json, "boxes", o->boxes);
    bench_json_number(&json, "records_per_s", f->records_per_s, 1);
    bench_json_number(&json, "hqd_cpu_us_a_record", f->cpu_us, 1);
    bench_json_number(&json, "small_records_per_s", f->small_records_per_s, 1);
    bench_json_number(&json, "small_hqd_cpu_us_a_record", f->small_cpu_us, 1);
    bench_json_number(&json, "bare_per_s", f->bare_per_s, 1);
    if (o->boxes) {
        bench_json_number(&json, "held_kb", f->held_kb, 1);
        bench_json_number(&json, "held_records_p99_ms", f->held_p99_ms, 1);
    }
    bench_json_end(&json);
}

static void parse(int argc, char **argv, struct options *o)
{
    static const struct option names[] = {{"records", required_argument, NULL, 'r'},
                                          {"batch", required_argument, NULL, 'b'},
                                          {"runs", required_argument, NULL, 'n'},
                                          {"boxes", required_argument, NULL, 'x'},
                                          {"database", required_argument, NULL, 'p'},
                                          {"hqd", required_argument, NULL, 'q'},
                                          {NULL, 0, NULL, 0}};
    int option;
    while ((option = getopt_long(argc, argv, "", names, NULL)) != -1)
        switch (option) {
        case 'r':
            o->records = (size_t)bench_number("records", optarg, 10000000);
            break;
        case 'b':
            o->batch = (size_t)bench_number("batch", optarg, 1000);
            break;
        case 'n':
            o->runs = (size_t)bench_number("runs", optarg, BENCH_RUNS_MAX);
            break;
        case 'x':
            o->boxes = (size_t)bench_number("boxes", optarg, 100000);
            break;
        case 'p':
            o->database = optarg;
            break;
        case 'q':
            (void)snprintf(o->hqd, sizeof(o->hqd), "%s", optarg); /* cut: cannot start */
            break;
        default:
            bench_fail("an option is not known");
        }
}

/* A client a box. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        bench_fail("limits");
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit); /* with fewer, the run ends and says so */
}

int main(int argc, char **argv)
{
    struct options options = {.records = 20000, .batch = 100, .runs = 7, .database = ""};
    struct figures figures = {0};
    /* beside this program: tests/bench/ and bin/ of one build */
    const char *slash = strrchr(argv[0], '/');
    (void)snprintf(options.hqd, sizeof(options.hqd), "%.*s/../../bin/hqd",
                   slash ? (int)(slash - argv[0]) : 1, slash ? argv[0] : "."); /* cut: no start */
    parse(argc, argv, &options);
    raise_descriptor_limit();
    measure(&options, &figures);
    print(&options, &figures);
    return 0;
}
