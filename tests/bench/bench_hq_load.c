/*
 * Load for bench_hq.py: hqd against what was promised, over SQLite and over PostgreSQL: records a
 * second from one box with every batch committed and answered by a receipt, in batches as uplinkd
 * makes them of a backlog and in batches of --batch records beside, a backlog drained, a hit from
 * the box's request to the operator who waits, and boxes held, each with a certificate of its own.
 * The real hqd and real TLS on loopback; the client shares the machine. Records are made before the
 * clock runs. Options: --records N --batch N --runs N --backlog N --boxes N --hits N --postgres URL
 * --hqd FILE. Without --postgres only SQLite is measured; tests/harness/postgres.py makes a server.
 * Last line: one JSON object.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "gateway/uplink/outbox.h"
#include "tests/bench/bench.h"
#include "tests/bench/bench_hq_site.h"

enum { WAIT_S = 30, PATH_ROOM = 128, PACE_S = 5, PACE_PER_S = 500, STORES = 2 };

struct options {
    size_t records;
    size_t batch; /* records of one request, for the figures beside */
    size_t runs;
    size_t backlog;
    size_t boxes;
    size_t hits;
    const char *postgres; /* NULL: SQLite only */
    char hqd[256];
};

/* Of one store. */
struct figures {
    double records_per_s;
    double small_records_per_s; /* with batches of --batch records */
    double cpu_us;              /* of hqd a record, which neighbours on the machine disturb least */
    double small_cpu_us;
    double backlog_s;
    double hit_p99_ms;
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

/* Sends them all, `batch` a request (0: as many as uplinkd sends of a backlog); seconds. */
static double drain(struct hq_client *client, size_t box, const struct lines *lines, size_t batch)
{
    char path[PATH_ROOM];
    uint64_t begin = bench_wall_ns();
    size_t from = 0;
    size_t sent = 0;
    post_path(box, "records", path);
    for (size_t i = 0; i < lines->count; i++) {
        bool last = i + 1 == lines->count;
        bool full = batch ? i + 1 - sent == batch
                          : i + 1 - sent == OUTBOX_BATCH_RECORDS_MAX ||
                                (!last && lines->ends[i + 1] - from > OUTBOX_BATCH_MAX);
        if (!last && !full)
            continue;
        hq_client_send(client, "POST", path, lines->text + from, lines->ends[i] - from);
        if (hq_client_wait(client) != 200)
            bench_fail("records refused: %s", client->answer);
        from = lines->ends[i];
        sent = i + 1;
    }
    return seconds_since(begin);
}

/* Records made now and sent; records a second, and microseconds of hqd's CPU a record. */
static double rate(const struct hq_site *site, size_t records, size_t batch,
                   struct hq_journal *journal, struct hq_client *client, double *out_cpu_us)
{
    struct lines lines;
    make_lines(journal, records, JOURNAL_PASSAGE, &lines);
    double before = hq_site_cpu_s(site);
    double seconds = drain(client, 0, &lines, batch);
    *out_cpu_us = (hq_site_cpu_s(site) - before) * 1e6 / (double)records;
    free_lines(&lines);
    return (double)records / seconds;
}

static void measure_rate(const struct hq_site *site, const struct options *o, struct figures *out)
{
    double rates[BENCH_RUNS_MAX];
    double small[BENCH_RUNS_MAX];
    double cpu[BENCH_RUNS_MAX];
    double small_cpu[BENCH_RUNS_MAX];
    struct hq_journal journal;
    struct hq_client client;
    hq_client_box(site, 0, &client);
    hq_journal_init(&journal, 0, 1);
    for (size_t run = 0; run < o->runs; run++) {
        rates[run] = rate(site, o->records, 0, &journal, &client, &cpu[run]);
        small[run] = rate(site, o->records, o->batch, &journal, &client, &small_cpu[run]);
    }
    out->cpu_us = bench_median(cpu, o->runs);
    out->small_cpu_us = bench_median(small_cpu, o->runs);
    out->records_per_s = bench_median(rates, o->runs);
    out->small_records_per_s = bench_median(small, o->runs);
    hq_client_close(&client);
}

static void measure_backlog(const struct hq_site *site, const struct options *o,
                            struct figures *out)
{
    struct hq_journal journal;
    struct hq_client client;
    struct lines lines;
    hq_client_box(site, 1, &client);
    hq_journal_init(&journal, 1, 2);
    make_lines(&journal, o->backlog, JOURNAL_PASSAGE, &lines);
    out->backlog_s = drain(&client, 1, &lines, 0);
    free_lines(&lines);
    hq_client_close(&client);
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

/* From the box's request ahead of its backlog to the answer of the operator who waits. */
static void measure_hits(const struct hq_site *site, const struct options *o, struct figures *out)
{
    struct hq_journal journal;
    struct hq_client box;
    struct hq_client operator_end;
    struct hq_client looks;
    char path[PATH_ROOM];
    char follow[PATH_ROOM];
    char line[HQ_LINE_MAX];
    double *ms = bench_room(o->hits, sizeof(*ms));
    unsigned long long after = 0;
    hq_client_box(site, 2, &box);
    hq_client_operator(site, &operator_end);
    hq_client_operator(site, &looks);
    hq_journal_init(&journal, 2, 3);
    post_path(2, "urgent", path);
    for (size_t i = 0; i < o->hits; i++) {
        size_t size = hq_journal_add(&journal, JOURNAL_HIT, line);
        (void)snprintf(follow, sizeof(follow), "/v1/operator/hits?after=%llu&wait=30",
                       after); /* fits */
        hq_client_send(&operator_end, "GET", follow, "", 0);
        wait_for_waiting(&looks, 1);
        uint64_t begin = bench_wall_ns();
        hq_client_send(&box, "POST", path, line, size);
        if (hq_client_wait(&operator_end) != 200)
            bench_fail("hits refused: %s", operator_end.answer);
        ms[i] = seconds_since(begin) * 1e3;
        const char *next = strstr(operator_end.answer, "\"next\":");
        after = next ? strtoull(next + strlen("\"next\":"), NULL, 10) : 0;
        if (after == 0 || hq_client_wait(&box) != 202)
            bench_fail("a hit was not taken: %s", operator_end.answer);
    }
    out->hit_p99_ms = p99(ms, o->hits);
    free(ms);
    hq_client_close(&box);
    hq_client_close(&operator_end);
    hq_client_close(&looks);
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

static void measure(const struct options *o, const char *database, const char *name,
                    struct figures *out)
{
    struct hq_site site;
    char folder[64] = "/tmp/bench_hq.XXXXXX";
    char inside[128];
    if (!mkdtemp(folder))
        bench_fail("%s", folder);
    (void)snprintf(inside, sizeof(inside), "%s/hq", folder); /* fits */
    hq_site_create(inside, o->hqd, database, o->boxes + 10, &site);
    measure_rate(&site, o, out);
    fprintf(stderr, "%s: %.0f records/s, %.1f us of hqd each; %.0f, %.1f us in batches of %zu\n",
            name, out->records_per_s, out->cpu_us, out->small_records_per_s, out->small_cpu_us,
            o->batch);
    if (o->hits)
        measure_hits(&site, o, out);
    if (o->boxes)
        measure_held(&site, o, out);
    if (o->backlog)
        measure_backlog(&site, o, out);
    fprintf(stderr, "%s: hit %.1f ms, held %.1f KB each, %.1f ms beside, backlog %.1f s\n", name,
            out->hit_p99_ms, out->held_kb, out->held_p99_ms, out->backlog_s);
    hq_site_destroy(&site);
    if (rmdir(folder) != 0)
        bench_fail("%s is not empty", folder);
}

static void print(const struct options *o, const struct figures *all)
{
    static const char *const names[STORES] = {"sqlite", "postgres"};
    struct bench_json json;
    char key[64];
    bench_json_begin(&json, stdout);
    bench_json_text(&json, "bench", "hq");
    bench_json_integer(&json, "records", o->records);
    bench_json_integer(&json, "batch", o->batch);
    bench_json_integer(&json, "runs", o->runs);
    bench_json_integer(&json, "backlog", o->backlog);
    bench_json_integer(&json, "boxes", o->boxes);
    for (size_t i = 0; i < (o->postgres ? 2U : 1U); i++) {
        const struct figures *f = &all[i];
        const struct {
            const char *name;
            double value;
            bool told;
        } rows[] = {{"records_per_s", f->records_per_s, true},
                    {"hqd_cpu_us_a_record", f->cpu_us, true},
                    {"small_records_per_s", f->small_records_per_s, true},
                    {"small_hqd_cpu_us_a_record", f->small_cpu_us, true},
                    {"backlog_s", f->backlog_s, o->backlog > 0},
                    {"hit_p99_ms", f->hit_p99_ms, o->hits > 0},
                    {"held_kb", f->held_kb, o->boxes > 0},
                    {"held_records_p99_ms", f->held_p99_ms, o->boxes > 0}};
        for (size_t k = 0; k < sizeof(rows) / sizeof(rows[0]); k++) {
            (void)snprintf(key, sizeof(key), "%s_%s", names[i], rows[k].name); /* fits */
            if (rows[k].told)
                bench_json_number(&json, key, rows[k].value, 1);
        }
    }
    bench_json_end(&json);
}

static void parse(int argc, char **argv, struct options *o)
{
    static const struct option names[] = {{"records", required_argument, NULL, 'r'},
                                          {"batch", required_argument, NULL, 'b'},
                                          {"runs", required_argument, NULL, 'n'},
                                          {"backlog", required_argument, NULL, 'l'},
                                          {"boxes", required_argument, NULL, 'x'},
                                          {"hits", required_argument, NULL, 'h'},
                                          {"postgres", required_argument, NULL, 'p'},
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
        case 'l':
            o->backlog = (size_t)bench_number("backlog", optarg, 10000000);
            break;
        case 'x':
            o->boxes = (size_t)bench_number("boxes", optarg, 100000);
            break;
        case 'h':
            o->hits = (size_t)bench_number("hits", optarg, 100000);
            break;
        case 'p':
            o->postgres = optarg;
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
    struct options options = {.records = 20000, .batch = 100, .runs = 7, .hits = 500};
    struct figures all[STORES] = {0};
    /* beside this program: tests/bench/ and bin/ of one build */
    const char *slash = strrchr(argv[0], '/');
    (void)snprintf(options.hqd, sizeof(options.hqd), "%.*s/../../bin/hqd",
                   slash ? (int)(slash - argv[0]) : 1, slash ? argv[0] : "."); /* cut: no start */
    parse(argc, argv, &options);
    raise_descriptor_limit();
    measure(&options, "", "sqlite", &all[0]);
    if (options.postgres)
        measure(&options, options.postgres, "postgres", &all[1]);
    print(&options, all);
    return 0;
}
