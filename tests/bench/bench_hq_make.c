/*
 * What bench_hq.py measures with, made beforehand: the chunks of a wanted list of any length, or
 * the journal of a box that was cut off for long. The manifest over the chunks is signed by who
 * calls this; its rows are the output's only line, one JSON object. bench_hq_make list FOLDER
 * ENTRIES            chunk-<n>.bin in FOLDER bench_hq_make journal FOLDER CHECKPOINT RECORDS
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/encode.h"
#include "gateway/base/file.h"
#include "gateway/journal/journal.h"
#include "gateway/signed/snapshot.h"
#include "tests/bench/bench.h"

enum { TEXT_ROOM = 512, CHUNK_ITEMS = 16384, PATH_ROOM = 512, DIGITS = 100000 };

static const int64_t day_ms = (int64_t)24 * 3600 * 1000;

/* ---- a list ---- */

static const char *const provinces[] = {
    "京", "津", "冀", "晋", "蒙", "辽", "吉", "黑", "沪", "苏", "浙", "皖", "闽", "赣", "鲁", "豫",
    "鄂", "湘", "粤", "桂", "琼", "渝", "川", "贵", "云", "藏", "陕", "甘", "青", "宁", "新"};
static const char letters[] = "ABCDEFGHJKLMNPQRSTUVWXYZ";
static const char *const names[] = {"张伟", "王芳", "李娜", "刘洋", "陈静", "杨帆", "赵磊", "周敏",
                                    "吴强", "郑杰", "孙丽", "马超", "朱琳", "胡军", "林涛", "何欣"};
static const char *const reasons[] = {"被盗车辆", "涉嫌肇事逃逸", "在逃人员名下", "套牌嫌疑"};

/* Plate `number` of the list, each another: neighbours on the list lie far apart. */
static void plate_of(uint64_t number, char out[24])
{
    const uint64_t all = sizeof(provinces) / sizeof(provinces[0]) * (sizeof(letters) - 1) * DIGITS;
    uint64_t at = number * 48271 % all; /* a prime that does not divide it */
    (void)snprintf(out, 24, "%s%c%05d", provinces[at / DIGITS / (sizeof(letters) - 1)],
                   letters[at / DIGITS % (sizeof(letters) - 1)], (int)(at % DIGITS)); /* fits */
}

static void make_item(uint64_t id, int64_t now_ms, uint64_t *seed, char text[TEXT_ROOM],
                      struct wanted_item *out)
{
    char plate[24];
    char from[WALL_TEXT_SIZE];
    char until[WALL_TEXT_SIZE];
    struct plate_text key;
    uint64_t draw = bench_draw(seed);
    struct wanted_record *r = &out->record;
    plate_of(id, plate);
    *r = (struct wanted_record){.id = id,
                                .valid_from = {now_ms - day_ms - (int64_t)(draw % 1000000) * 1000},
                                .valid_until = {now_ms + 90 * day_ms},
                                .class = PLATE_CLASS_ANY,
                                .category = CATEGORY_STOLEN,
                                .priority = 2,
                                .handling = HANDLING_STOP};
    plate_encode(plate, strlen(plate), PLATE_DASH_AUTO, &key);
    if (key.kind != PLATE_KEY)
        bench_fail("plate %s", plate);
    r->key = key.key;
    wall_format(r->valid_from, from);
    wall_format(r->valid_until, until);
    r->text_size = (uint32_t)snprintf(
        text, TEXT_ROOM,
        "{\"applicant\":\"%s\",\"approver\":\"%s\",\"authority\":\"菏泽市局\",\"case_number\":"
        "\"A%09u\",\"category\":\"stolen\",\"class\":\"any\",\"contact\":\"0530-%04u\","
        "\"handling\":\"stop\",\"id\":%llu,\"officer_risk\":[],\"plate\":\"%s\",\"priority\":2,"
        "\"reason\":\"%s\",\"reviewer\":\"%s\",\"valid_from\":\"%s\",\"valid_until\":\"%s\"}",
        names[draw >> 8 & 15], names[draw >> 12 & 15], (unsigned)(draw >> 32) % 1000000000U,
        (unsigned)(draw >> 20 & 8191), (unsigned long long)id, plate, reasons[draw >> 16 & 3],
        names[draw >> 4 & 15], from, until); /* fits */
    out->text = text;
}

static void write_chunk(const char *folder, size_t number, const struct snapshot_chunk *chunk,
                        const uint8_t *stored)
{
    char path[PATH_ROOM];
    char hash[HASH_TEXT_SIZE];
    struct err_text err = {""};
    (void)snprintf(path, sizeof(path), "%s/chunk-%zu.bin", folder, number); /* cut: no file */
    if (file_write_atomic(path, stored, chunk->size_bytes, 0600, &err) != 0)
        bench_fail("%s", err.text);
    hash_format(chunk->hash, hash);
    printf("%s{\"encoding\":\"zstd\",\"entries\":%u,\"hash\":\"%s\",\"raw_size\":%u,\"size\":%u}",
           number ? "," : "", chunk->entry_count, hash, chunk->raw_size_bytes, chunk->size_bytes);
}

static void make_list(const char *folder, uint64_t entries)
{
    struct wanted_item *items = bench_room(CHUNK_ITEMS, sizeof(*items));
    char(*texts)[TEXT_ROOM] = bench_room(CHUNK_ITEMS, sizeof(*texts));
    int64_t now_ms = clock_wall(&clock_system).ms;
    uint64_t done = 0;
    size_t chunks = 0;
    printf("{\"chunks\":[");
    while (done < entries) {
        struct snapshot_chunk chunk;
        uint8_t *stored = NULL;
        size_t used = 0;
        size_t count = entries - done < CHUNK_ITEMS ? (size_t)(entries - done) : CHUNK_ITEMS;
        for (size_t i = 0; i < count; i++) {
            uint64_t seed = done + i; /* an entry is the same whatever stands before it */
            make_item(done + i + 1, now_ms, &seed, texts[i], &items[i]);
        }
        if (snapshot_write_chunk(items, count, CHUNK_ZSTD, &chunk, &stored, &used) != 0)
            bench_fail("chunk %zu", chunks);
        write_chunk(folder, chunks++, &chunk, stored);
        free(stored);
        done += used;
    }
    char last[24];
    plate_of(entries, last);
    printf("],\"entries\":%llu,\"last\":\"%s\"}\n", (unsigned long long)entries, last);
    free(items);
    free(texts);
}

/* ---- a journal ---- */

/* What a vehicle leaves, in its order; of the passage only the header leaves a box. */
static const struct {
    enum journal_kind kind;
    const char *body;
} vehicle[] = {
    {JOURNAL_PASSAGE,
     "{\"authenticity\":\"tag\",\"camera\":11,\"class\":\"02\",\"confidence\":97,\"direction\":1,"
     "\"event_id\":1764147012345,\"lane\":1,\"passage\":48213,\"plate\":\"鲁H54321\",\"reads\":3,"
     "\"speed_kmh\":31,\"wall_ms\":1764147012345}"},
    {JOURNAL_DECISION,
     "{\"alert\":\"none\",\"hold\":false,\"lane\":1,\"list_age_s\":41,\"list_revision\":417,"
     "\"passage\":48213,\"raise\":true,\"rule\":\"cleared\",\"rules\":\"sha256:"
     "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\"}"},
    {JOURNAL_ORDER, "{\"device\":\"module\",\"expires_ms\":2000,\"lane\":1,\"order\":\"raise\","
                    "\"passage\":48213}"},
    {JOURNAL_OUTCOME,
     "{\"device\":\"module\",\"lane\":1,\"order\":\"raise\",\"outcome\":\"done\",\"passage\":48213,"
     "\"took_ms\":1480}"},
};
enum { VEHICLE_RECORDS = sizeof(vehicle) / sizeof(vehicle[0]) };

static void make_journal(const char *folder, const char *checkpoint, uint64_t records)
{
    const struct journal_options options = {
        .folder = folder, .checkpoint = checkpoint, .clock = &clock_system};
    struct journal_entry group[JOURNAL_GROUP_MAX];
    struct journal *journal = NULL;
    struct err_text err = {""};
    int rc = journal_open(&options, &journal, &err);
    for (uint64_t done = 0; rc == 0 && done < records; done += JOURNAL_GROUP_MAX) {
        uint64_t first = 0;
        for (size_t i = 0; i < JOURNAL_GROUP_MAX; i++)
            group[i] =
                (struct journal_entry){.kind = vehicle[i % VEHICLE_RECORDS].kind,
                                       .actor = "checkpointd",
                                       .body = vehicle[i % VEHICLE_RECORDS].body,
                                       .body_size = strlen(vehicle[i % VEHICLE_RECORDS].body),
                                       .wall = clock_wall(&clock_system),
                                       .mono = clock_mono(&clock_system)};
        rc = journal_append(journal, group, JOURNAL_GROUP_MAX, &first, &err);
        if (rc == 0)
            rc = journal_maintain(journal, &err);
    }
    if (rc != 0)
        bench_fail("journal: %s", err.text);
    journal_close(journal);
    printf("{\"records\":%llu}\n", (unsigned long long)records);
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "list") == 0)
        make_list(argv[2], bench_number("ENTRIES", argv[3], 30000000));
    else if (argc == 5 && strcmp(argv[1], "journal") == 0)
        make_journal(argv[2], argv[3], bench_number("RECORDS", argv[4], 100000000));
    else
        bench_fail("expected list FOLDER ENTRIES, or journal FOLDER CHECKPOINT RECORDS");
    return 0;
}
