/*
 * hqctl observe: fetches the sealed records of the second chains and opens them here, with a key
 * that never leaves this machine. hqd learns that somebody looked, not what was found.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "gateway/app/hqctl/hqctl.h"
#include "gateway/hqctl/key_store.h"
#include "gateway/signed/observe.h"

enum { QUERY_SIZE = 128, KEYS_MAX = 8 };

struct opening {
    struct hqctl *h;
    struct sign_key *keys[KEYS_MAX];
    size_t key_count;
    uint64_t records;
    uint64_t unopened; /* sealed to a key that was not given, or to none */
    uint64_t hits;
};

static json_t *hit_json(const json_t *item, const struct observe_hit *hit, const char *plate)
{
    char first[WALL_TEXT_SIZE];
    char last[WALL_TEXT_SIZE];
    wall_format(hit->first, first);
    wall_format(hit->last, last);
    json_t *out = json_pack("{s:I,s:O,s:I,s:I,s:s,s:s,s:s,s:s,s:I,s:I,s:I,s:b,s:b}", "number",
                            (json_int_t)hqctl_number_of(item, "number"), "checkpoint",
                            json_object_get(item, "checkpoint"), "entry", (json_int_t)hit->entry,
                            "revision", (json_int_t)hit->revision, "first", first, "last", last,
                            "plate", plate, "match", match_kind_name(hit->kind), "lane",
                            (json_int_t)hit->lane, "camera", (json_int_t)hit->camera, "reads",
                            (json_int_t)hit->reads, "expired", (hit->flags & OBSERVE_EXPIRED) != 0,
                            "clock_untrusted", (hit->flags & OBSERVE_CLOCK_UNTRUSTED) != 0);
    if (out && hit->odds_db != MATCH_ODDS_NONE &&
        json_object_set_new(out, "odds_db", json_integer(hit->odds_db)) != 0) {
        json_decref(out);
        return NULL;
    }
    return out;
}

static int show_hit(struct opening *o, const json_t *item, const struct observe_hit *hit)
{
    char plate[PLATE_TEXT_SIZE] = "";
    char first[WALL_TEXT_SIZE];
    int rc = plate_decode(hit->read_key, plate); /* checked when it was opened */
    o->hits++;
    if (rc != 0)
        return rc;
    if (o->h->json)
        return hqctl_print(hit_json(item, hit, plate)) == EXIT_OK ? 0 : ERR_IO;
    wall_format(hit->first, first);
    hqctl_line(stdout, "%lld  %s  %s  lane %u  camera %u  %s  %s  entry %" PRIu64 "  reads %u%s%s",
               (long long)hqctl_number_of(item, "number"), first, hqctl_text_of(item, "checkpoint"),
               hit->lane, hit->camera, plate, match_kind_name(hit->kind), hit->entry, hit->reads,
               hit->flags & OBSERVE_EXPIRED ? "  (entry outside its validity)" : "",
               hit->flags & OBSERVE_CLOCK_UNTRUSTED ? "  (clock not trusted)" : "");
    return hqctl_written() == EXIT_OK ? 0 : ERR_IO;
}

/* The key it is sealed to among those given; NULL. */
static const struct sign_key *key_for(const struct opening *o, const uint8_t id[KEY_ID_SIZE])
{
    for (size_t i = 0; i < o->key_count; i++)
        if (memcmp(sign_key_id(o->keys[i]), id, KEY_ID_SIZE) == 0)
            return o->keys[i];
    return NULL;
}

/* One that is not what was sealed is told by number and does not end the rest. */
static int show_record(void *ctx, const json_t *item)
{
    struct opening *o = ctx;
    struct observe_batch batch;
    struct err_text err = {""};
    uint8_t id[KEY_ID_SIZE];
    char *body = json_dumps(json_object_get(item, "record"), JSON_COMPACT | JSON_SORT_KEYS);
    if (!body)
        return ERR_NO_MEMORY;
    o->records++;
    int rc = observe_key_of(body, strlen(body), id, &err);
    const struct sign_key *key = rc == 0 ? key_for(o, id) : NULL;
    if (rc == 0 && key)
        rc = observe_open(body, strlen(body), hqctl_text_of(item, "checkpoint"), key, &batch, &err);
    free(body);
    o->unopened += rc != 0 || !key;
    if (rc != 0)
        hqctl_line(stderr, "hqctl: record %lld: %s", (long long)hqctl_number_of(item, "number"),
                   err.text);
    if (rc != 0 || !key)
        return rc == ERR_NO_MEMORY ? rc : 0;
    if (batch.lost > 0)
        hqctl_line(stderr, "hqctl: record %lld of %s: %u hits more found no room at the box",
                   (long long)hqctl_number_of(item, "number"), hqctl_text_of(item, "checkpoint"),
                   batch.lost);
    for (int i = 0; rc == 0 && i < batch.count; i++)
        rc = show_hit(o, item, &batch.hits[i]);
    return rc;
}

static int open_keys(struct opening *o, const char *const *paths, size_t count,
                     struct err_text *err)
{
    const struct passphrase_source source = hqctl_passphrases(o->h);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < count; i++) {
        rc = key_store_open_observe(paths[i], &source, paths[i], &o->keys[i], err);
        o->key_count += rc == 0;
    }
    return rc;
}

static int fetch(struct opening *o, const char *checkpoint, uint64_t after, struct err_text *err)
{
    char path[QUERY_SIZE];
    if (checkpoint && !tls_label_ok(checkpoint))
        return err_set(err, ERR_INVALID, "--checkpoint = '%s': expected 1 to 64 of a-z 0-9 -",
                       checkpoint);
    (void)snprintf(path, sizeof(path), "/v1/operator/observed?%s%s%s",
                   checkpoint ? "checkpoint=" : "", checkpoint ? checkpoint : "",
                   checkpoint ? "&" : ""); /* fits */
    return hq_client_walk(&o->h->client, path, "records", &after, show_record, o, err);
}

static const char text[] =
    "DESCRIPTION\n"
    "  Fetches the records of checkpoints' second chains and opens them here with the observe "
    "key;\n  one line a hit: record, time of its first read, checkpoint, lane, camera, plate read, "
    "why it\n  matched, entry, reads. Only duty officers may; hqd puts on record that somebody "
    "looked, and\n  cannot tell itself whether there was a hit. Records sealed to another key are "
    "counted: give\n  --key once for each, after a rotation the old one too.\n";

int hqctl_observe(struct hqctl *h, int argc, char **argv)
{
    struct err_text err = {""};
    struct opening o = {.h = h};
    const char *paths[KEYS_MAX];
    const char *checkpoint = NULL;
    size_t count = 0;
    int64_t after = 0;
    const struct arg_option options[] = {
        ARG_OPTION_TEXTS_NEEDED("key", "FILE", paths, KEYS_MAX, &count,
                                "An observe key; DIR/secret/observe.key.pem of 'hqctl init'."),
        ARG_OPTION_TEXT("checkpoint", "ID", &checkpoint, "Only this checkpoint's."),
        ARG_OPTION_NUMBER("after", "N", &after, 0, INT64_MAX,
                          "Only records with a number above this one. Default: 0, all."),
        HQCTL_PASSPHRASE_FD(h, "of each key")};
    struct arg_spec spec = {.text = text, ARG_OPTIONS(options)};
    int status = hqctl_open(h, argc, argv, &spec);
    if (status >= 0)
        return status;
    int rc = open_keys(&o, paths, count, &err);
    if (rc == 0)
        rc = fetch(&o, checkpoint, (uint64_t)after, &err);
    for (size_t i = 0; i < o.key_count; i++)
        sign_key_free(o.keys[i]);
    if (rc != 0)
        return hqctl_fail(h, rc, &err);
    fprintf(stderr, "%" PRIu64 " hits in %" PRIu64 " records, %" PRIu64 " not opened\n", o.hits,
            o.records, o.unopened);
    return EXIT_OK;
}
