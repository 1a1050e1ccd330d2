/*
 * hqctl match answers, learn: what officers answered, and channel files learned from it. Nothing of
 * it reaches a box until two clerks have signed it into a policy.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "gateway/app/hqctl/policy_file.h"
#include "gateway/base/clock.h"
#include "gateway/base/file.h"
#include "gateway/base/text_table.h"
#include "gateway/hqctl/pairs.h"

enum { QUERY_SIZE = 128, CHANGES_SHOWN = 12, PROGRESS_EVERY = 10000 };

/* What hq_client_walk goes on from. ERR_INVALID. */
static int answers_path(const char *checkpoint, char out[QUERY_SIZE], struct err_text *err)
{
    if (checkpoint && !tls_label_ok(checkpoint))
        return err_set(err, ERR_INVALID, "--checkpoint = '%s': expected 1 to 64 of a-z 0-9 -",
                       checkpoint);
    (void)snprintf(out, QUERY_SIZE, "/v1/operator/answers?%s%s%s", checkpoint ? "checkpoint=" : "",
                   checkpoint ? checkpoint : "", checkpoint ? "&" : ""); /* fits */
    return 0;
}

/* ---- answers ---- */

static int show_answer(void *ctx, const json_t *item)
{
    const struct hqctl *h = ctx;
    const json_t *record = json_object_get(item, "record");
    const char *plate = hqctl_text_of(record, "plate");
    if (h->json)
        return hqctl_print(json_incref((json_t *)(uintptr_t)item)) == EXIT_OK ? 0 : ERR_IO;
    hqctl_line(
        stdout, "%lld  %s  %s  hit %lld  listed %s  read %s  %s%s%s  %s  %s",
        (long long)hqctl_number_of(item, "number"), hqctl_text_of(item, "time"),
        hqctl_text_of(item, "checkpoint"), (long long)hqctl_number_of(record, "hit"),
        hqctl_text_of(record, "listed"), hqctl_text_of(json_object_get(record, "read"), "plate"),
        hqctl_text_of(record, "answer"), plate[0] ? ": " : "", plate,
        hqctl_text_of(json_object_get(record, "by"), "officer"), hqctl_text_of(record, "reason"));
    return hqctl_written() == EXIT_OK ? 0 : ERR_IO;
}

int hqctl_match_answers(struct hqctl *h, int argc, char **argv)
{
    struct err_text err = {""};
    const char *checkpoint = NULL;
    int64_t number = 0;
    char path[QUERY_SIZE];
    const struct arg_option options[] = {
        ARG_OPTION_TEXT("checkpoint", "ID", &checkpoint, "Only this checkpoint's."),
        ARG_OPTION_NUMBER("after", "N", &number, 0, INT64_MAX,
                          "Only answers with a number above this one. Default: 0, all.")};
    struct arg_spec spec = {
        .text = "DESCRIPTION\n"
                "  One line an answer: number, time, checkpoint, hit, listed plate, plate read, "
                "answer (with\n  the plate seen by eye), officer, reason. Of several answers to "
                "one hit the latest counts.\n  With --json hqd's object, one a line, which 'hqctl "
                "match learn --reads' takes.\n",
        ARG_OPTIONS(options)};
    int status = hqctl_open(h, argc, argv, &spec);
    if (status >= 0)
        return status;
    uint64_t after = (uint64_t)number;
    int rc = answers_path(checkpoint, path, &err);
    if (rc == 0)
        rc = hq_client_walk(&h->client, path, "answers", &after, show_answer, h, &err);
    return rc == 0 ? EXIT_OK : hqctl_fail(h, rc, &err);
}

/* ---- learn: gathering ---- */

struct learning {
    struct hqctl *h;
    const char *out;        /* folder */
    const char *reads;      /* file; NULL: headquarters is asked */
    const char *checkpoint; /* NULL: all */
    int64_t smoothing;
    struct pairs pairs;
    size_t taken;
    struct match_channel *held[CHANNEL_ALPHABETS]; /* of the policy in force; NULL: none */
    struct err_text *err;
};

static void say_progress(struct learning *l)
{
    if (++l->taken % PROGRESS_EVERY == 0)
        fprintf(stderr, "%zu taken\n", l->taken);
}

static int take_answer(void *ctx, const json_t *item)
{
    struct learning *l = ctx;
    say_progress(l);
    return pairs_add_answer(&l->pairs, item, l->err);
}

static int gather_answers(struct learning *l)
{
    char path[QUERY_SIZE];
    uint64_t after = 0;
    int rc = answers_path(l->checkpoint, path, l->err);
    return rc == 0 ? hq_client_walk(&l->h->client, path, "answers", &after, take_answer, l, l->err)
                   : rc;
}

static int gather_lines(struct learning *l, FILE *file)
{
    char *line = NULL;
    size_t room = 0;
    size_t number = 0;
    ssize_t size;
    int rc = 0;
    while (rc == 0 && (size = getline(&line, &room, file)) >= 0) {
        number++;
        say_progress(l);
        rc = pairs_add_line(&l->pairs, line, (size_t)size, l->err);
    }
    if (rc == 0 && ferror(file))
        rc = err_set(l->err, ERR_IO, "%s", strerror(errno));
    else if (rc != 0)
        (void)err_prefix(l->err, rc, "line %zu", number); /* told with rc */
    free(line);
    return rc;
}

static int gather_file(struct learning *l)
{
    FILE *file = fopen(l->reads, "re");
    int rc = file ? gather_lines(l, file) : err_set(l->err, ERR_IO, "%s", strerror(errno));
    if (file && fclose(file) != 0 && rc == 0)
        rc = err_set(l->err, ERR_IO, "%s", strerror(errno));
    return rc == 0 ? 0 : err_prefix(l->err, rc, "%s", l->reads);
}

/* The channels in force, to learn the next version of and to compare with; none is fine. */
static int get_held(struct learning *l)
{
    struct policy_file file;
    int rc = policy_file_get(l->h, &file, l->err);
    if (rc == ERR_NOT_FOUND)
        return 0;
    if (rc != 0)
        return rc;
    for (size_t i = 0; rc == 0 && i < file.policy.channel_count; i++) {
        const struct match_policy_channel *row = &file.policy.channels[i];
        struct match_channel *channel = NULL;
        rc = channel_parse(row->text, row->size_bytes, &channel, l->err);
        if (rc != 0)
            break;
        channel_destroy(l->held[channel->alphabet]);
        l->held[channel->alphabet] = channel;
    }
    policy_file_close(&file);
    return rc;
}

/* ---- learn: what changed ---- */

struct change {
    uint8_t truth;
    uint8_t read;
    uint32_t old_ppm;
    uint32_t new_ppm;
};

static int compare_changes(const void *a, const void *b)
{
    const struct change *x = a;
    const struct change *y = b;
    uint32_t most_x = x->old_ppm > x->new_ppm ? x->old_ppm : x->new_ppm;
    uint32_t most_y = y->old_ppm > y->new_ppm ? y->old_ppm : y->new_ppm;
    return (most_x < most_y) - (most_x > most_y);
}

/* The confusions that are listed in either, the largest first. Heap, the caller frees; NULL without
 * memory. */
static struct change *list_changes(const struct match_channel *old,
                                   const struct match_channel *next, size_t *out_count)
{
    struct change *rows = calloc((size_t)CHANNEL_SYMBOLS * CHANNEL_SYMBOLS, sizeof(*rows));
    size_t count = 0;
    for (int truth = 0; rows && truth < CHANNEL_SYMBOLS; truth++)
        for (int read = 0; read < CHANNEL_SYMBOLS; read++) {
            struct change row = {(uint8_t)truth, (uint8_t)read,
                                 old ? old->read[truth].ppm[read] : 0, next->read[truth].ppm[read]};
            if (truth != read && (row.old_ppm > 0 || row.new_ppm > 0))
                rows[count++] = row;
        }
    if (rows)
        qsort(rows, count, sizeof(*rows), compare_changes);
    *out_count = count;
    return rows;
}

static int show_changes(const struct match_channel *old, const struct match_channel *next, FILE *to)
{
    static const char *const titles[] = {"TRUE", "READ AS", ">OLD", ">NEW", ">SEEN"};
    struct text_table *table = NULL;
    size_t count = 0;
    struct change *rows = list_changes(old, next, &count);
    int rc = rows ? text_table_create(titles, 5, &table) : ERR_NO_MEMORY;
    for (size_t i = 0; rc == 0 && i < count && i < CHANGES_SHOWN; i++) {
        char old_text[24] = "-";
        char new_text[24];
        char seen[24];
        if (old)
            (void)snprintf(old_text, sizeof(old_text), "%u", rows[i].old_ppm);     /* fits */
        (void)snprintf(new_text, sizeof(new_text), "%u", rows[i].new_ppm);         /* fits */
        (void)snprintf(seen, sizeof(seen), "%" PRIu64, next->seen[rows[i].truth]); /* fits */
        const char *cells[] = {plate_symbol_text(rows[i].truth), plate_symbol_text(rows[i].read),
                               old_text, new_text, seen};
        rc = text_table_add(table, cells);
    }
    if (rc == 0 && count > 0) {
        fprintf(to, "  largest confusions, parts per million of the true character:\n");
        text_table_print(table, to, text_screen_columns(to));
    }
    text_table_destroy(table);
    free(rows);
    return rc;
}

static json_t *changes_json(const struct match_channel *old, const struct match_channel *next)
{
    size_t count = 0;
    struct change *rows = list_changes(old, next, &count);
    json_t *list = json_array();
    for (size_t i = 0; rows && i < count && i < CHANGES_SHOWN; i++)
        (void)json_array_append_new(
            list,
            json_pack("{s:s,s:s,s:i,s:i}", "true", plate_symbol_text(rows[i].truth), "read",
                      plate_symbol_text(rows[i].read), "old_ppm", (int)rows[i].old_ppm, "new_ppm",
                      (int)rows[i].new_ppm)); /* without memory the row is missing */
    free(rows);
    return list;
}

/* ---- learn: a channel ---- */

static int save_channel(const struct learning *l, const struct match_channel *channel,
                        char out_path[HQCTL_PATH_SIZE])
{
    char *text = NULL;
    size_t size = 0;
    if (mkdir(l->out, 0700) != 0 && errno != EEXIST)
        return err_set(l->err, ERR_IO, "%s: %s", l->out, strerror(errno));
    if (snprintf(out_path, HQCTL_PATH_SIZE, "%s/%s.json", l->out,
                 channel_alphabet_name(channel->alphabet)) >= HQCTL_PATH_SIZE)
        return err_set(l->err, ERR_TOO_LARGE, "%.100s…: path too long", l->out);
    int rc = channel_write(channel, &text, &size);
    if (rc == 0)
        rc = file_write_atomic(out_path, text, size, 0644, l->err);
    free(text);
    return rc;
}

static int say_channel(const struct learning *l, const struct match_channel *channel,
                       const char *path)
{
    const struct match_channel *old = l->held[channel->alphabet];
    const char *name = channel_alphabet_name(channel->alphabet);
    if (l->h->json)
        return hqctl_print(json_pack("{s:s,s:s,s:I,s:I,s:o}", "alphabet", name, "file", path,
                                     "version", (json_int_t)channel->version, "pairs",
                                     (json_int_t)channel->pairs, "confusions",
                                     changes_json(old, channel))) == EXIT_OK
                   ? 0
                   : ERR_IO;
    hqctl_line(stdout, "%s: version %" PRIu64 ", learned from %" PRIu64 " pairs%s: %s", name,
               channel->version, channel->pairs, old ? "" : " (none in force before)", path);
    return show_changes(old, channel, stdout);
}

/* *io_written counts the files. */
static int learn_alphabet(struct learning *l, enum channel_alphabet alphabet, size_t *io_written)
{
    const char *name = channel_alphabet_name(alphabet);
    size_t count = pairs_of_alphabet(&l->pairs, alphabet);
    char path[HQCTL_PATH_SIZE];
    struct match_channel *channel = NULL;
    const struct learn_options options = {
        .alphabet = alphabet,
        .version = l->held[alphabet] ? l->held[alphabet]->version + 1 : 1,
        .time = clock_wall(&clock_system),
        .smoothing = (uint32_t)l->smoothing};
    if (count < LEARN_PAIRS_MIN) {
        fprintf(stderr, "%s: %zu pairs, at least %d are needed: no channel written\n", name, count,
                LEARN_PAIRS_MIN);
        return 0;
    }
    fprintf(stderr, "%s: learning from %zu pairs …\n", name, count);
    int rc = channel_learn(l->pairs.pairs, l->pairs.count, &options, &channel, l->err);
    if (rc == 0)
        rc = save_channel(l, channel, path);
    if (rc == 0)
        rc = say_channel(l, channel, path);
    channel_destroy(channel);
    *io_written += rc == 0;
    return rc;
}

static void say_pairs(const struct learning *l)
{
    const struct pairs *p = &l->pairs;
    fprintf(stderr,
            "%zu answers: %zu confirmed, %zu misread with the plate seen, %zu misread without one "
            "(nothing to learn from), %zu without a whole read\n",
            p->answers, p->confirmed, p->misread, p->negatives, p->unusable);
}

static int learn(struct learning *l)
{
    size_t written = 0;
    int rc = pairs_init(&l->pairs);
    if (rc == 0 && !l->reads)
        rc = get_held(l);
    if (rc == 0)
        rc = l->reads ? gather_file(l) : gather_answers(l);
    if (rc == 0) {
        pairs_settle(&l->pairs);
        say_pairs(l);
    }
    for (int i = 0; rc == 0 && i < CHANNEL_ALPHABETS; i++)
        rc = learn_alphabet(l, (enum channel_alphabet)i, &written);
    if (rc == 0 && written == 0)
        rc = err_set(l->err, ERR_NOT_FOUND, "too few pairs of any alphabet: nothing written");
    pairs_fini(&l->pairs);
    for (int i = 0; i < CHANNEL_ALPHABETS; i++)
        channel_destroy(l->held[i]);
    return rc;
}

int hqctl_match_learn(struct hqctl *h, int argc, char **argv)
{
    struct err_text err = {""};
    struct learning l = {.h = h, .smoothing = LEARN_SMOOTHING_DEFAULT, .err = &err};
    const struct arg_option options[] = {
        ARG_OPTION_TEXT_NEEDED("out", "FOLDER", &l.out,
                               "Where the channel files go, FOLDER/latin.json and "
                               "FOLDER/mainland.json; files there are replaced."),
        ARG_OPTION_TEXT(
            "reads", "FILE", &l.reads,
            "Learn from a file instead of headquarters' answers; needs no network. "
            "One JSON object a line: an answer as 'hqctl match answers --json' prints "
            "it, or {\"truth\":PLATE,\"reads\":[{\"plate\":…,\"confidence\":…},…]}, the "
            "best read first."),
        ARG_OPTION_TEXT("checkpoint", "ID", &l.checkpoint,
                        "Only this checkpoint's answers. Default: all."),
        ARG_OPTION_NUMBER("smoothing", "N", &l.smoothing, 1, CHANNEL_SMOOTHING_MAX,
                          "Pseudo-observations each character is given, against chance in rare "
                          "ones. Default: 20.")};
    struct arg_spec spec = {
        .text = "DESCRIPTION\n"
                "  Makes channel files, how cameras misread plates, out of confirmed pairs: of a "
                "confirmed hit\n  the listed plate, of a misread one the plate the officer saw. A "
                "misread without a plate says\n  only what it was not and is passed over. Prints "
                "the largest confusions, as in the policy in\n  force and as learned. At least 100 "
                "pairs an alphabet; a few thousand make it good.\n  Nothing reaches a checkpoint "
                "before two clerks have signed it: 'hqctl match policy draft\n  --channel' is "
                "next.\n\n"
                "EXAMPLE\n"
                "  hqctl match learn --out channels\n"
                "  hqctl match policy draft --channel channels/mainland.json --out policy.json\n",
        ARG_OPTIONS(options)};
    int status = hqctl_parse(h, argc, argv, &spec);
    if (status >= 0)
        return status;
    status = l.reads ? 0 : hqctl_connect(h);
    if (status != 0)
        return status;
    int rc = learn(&l);
    return rc == 0 ? EXIT_OK : hqctl_fail(h, rc, &err);
}
