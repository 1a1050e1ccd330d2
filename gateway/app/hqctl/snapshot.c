/*
 * hqctl wanted snapshot: the whole list at its newest revision as chunks and a signed manifest, so
 * that a new checkpoint need not walk every batch. Built from signed batches alone, each verified
 * as a checkpoint does: what hqd merely says is not signed for. One list, owned by the command.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/app/hqctl/wanted_files.h"
#include "gateway/base/clock.h"
#include "gateway/base/encode.h"
#include "gateway/base/file.h"
#include "gateway/base/json.h"
#include "gateway/hqctl/key_store.h"
#include "gateway/signed/snapshot.h"
#include "gateway/wanted/list.h"

enum { KEYS_MAX = 2, CHUNK_PATH_SIZE = 128 };

struct building {
    struct hqctl *h;
    struct wanted_list *list;
    struct snapshot held; /* the newest one hqd has; zero: none */
    uint64_t max_id;      /* ever added, as far as walked */
    struct snapshot next;
    bool needs_two;
    bool two_sign; /* there will be two signatures, now or later */
    struct err_text *err;
};

/* ---- the list as signed ---- */

static void chunk_path(const uint8_t hash[HASH_SIZE], char out[CHUNK_PATH_SIZE])
{
    char hex[2 * HASH_SIZE + 1];
    hex_encode(hash, HASH_SIZE, hex);
    (void)snprintf(out, CHUNK_PATH_SIZE, "/v1/list/chunks/%s", hex); /* fits */
}

static int get_chunk(void *ctx, uint64_t revision, size_t index, uint8_t **out, size_t *out_size,
                     struct err_text *err)
{
    struct building *b = ctx;
    char path[CHUNK_PATH_SIZE];
    struct hq_answer answer;
    (void)revision; /* there is one snapshot at a time */
    chunk_path(b->held.chunks[index].hash, path);
    int rc = hq_client_ask(&b->h->client, "GET", path, NULL, 0, 0, &answer, err);
    if (rc == 0) {
        *out = (uint8_t *)answer.text;
        *out_size = answer.size;
        answer.text = NULL;
    }
    hq_answer_fini(&answer);
    return rc;
}

static int take_keyset(struct building *b)
{
    struct hq_answer answer;
    int rc = hq_client_get(&b->h->client, "/v1/keyset", &answer, b->err);
    if (rc == 0)
        rc = wanted_list_set_keyset(b->list, answer.text, answer.size, b->err);
    hq_answer_fini(&answer);
    return rc;
}

static int take_snapshot(struct building *b)
{
    struct hq_answer answer;
    int rc = hq_client_ask(&b->h->client, "GET", "/v1/list/snapshot", NULL, 0, 0, &answer, b->err);
    if (rc == 0)
        rc = snapshot_verify(wanted_list_keyset(b->list), answer.text, answer.size, &b->held,
                             b->err);
    if (rc == 0)
        rc = wanted_list_load_snapshot(b->list, answer.text, answer.size, get_chunk, b, b->err);
    if (rc == 0)
        b->max_id = b->held.max_id;
    if (rc == ERR_NOT_FOUND && answer.status == 404)
        rc = 0; /* none yet: from the first batch on */
    hq_answer_fini(&answer);
    return rc;
}

static int note_ids(struct building *b, const char *text, size_t size)
{
    struct envelope envelope;
    struct batch batch = {0};
    int rc = envelope_parse(text, size, &envelope, b->err);
    if (rc != 0)
        return rc;
    rc = batch_parse(envelope.payload, envelope.payload_size, &batch, b->err);
    for (size_t i = 0; rc == 0 && i < batch.added_count; i++)
        if (batch.items[i].record.id > b->max_id)
            b->max_id = batch.items[i].record.id;
    batch_fini(&batch);
    envelope_fini(&envelope);
    return rc;
}

static int take_batch(void *ctx, const json_t *item)
{
    struct building *b = ctx;
    char *text = NULL;
    size_t size = 0;
    const json_t *envelope = json_object_get(item, "envelope");
    int rc = envelope ? json_canonical(envelope, &text, &size) : ERR_CORRUPT;
    if (rc == 0)
        rc = wanted_list_apply_batch(b->list, text, size, b->err);
    if (rc == 0)
        rc = note_ids(b, text, size);
    free(text);
    return rc;
}

/* The newest list hqd can prove. */
static int fetch_list(struct building *b, const char *roots)
{
    struct root_keys keys;
    int rc = key_store_read_roots(roots, &keys, b->err);
    if (rc == 0)
        rc = wanted_list_create(&keys, &b->list);
    if (rc == 0)
        rc = take_keyset(b);
    if (rc == 0)
        rc = take_snapshot(b);
    if (rc == 0) {
        uint64_t after = wanted_list_head(b->list)->revision;
        rc = hq_client_walk(&b->h->client, "/v1/list/batches?", "batches", &after, take_batch, b,
                            b->err);
    }
    if (rc == 0 && wanted_list_head(b->list)->revision == 0)
        rc = err_set(b->err, ERR_NOT_FOUND, "the list is empty: nothing was published yet");
    return rc;
}

/* ---- chunks and manifest ---- */

static int add_chunk(struct building *b, const struct snapshot_chunk *chunk, const uint8_t *stored,
                     bool upload)
{
    struct hq_answer answer = {0};
    char path[CHUNK_PATH_SIZE];
    size_t count = b->next.chunk_count + 1;
    struct snapshot_chunk *chunks = realloc(b->next.chunks, count * sizeof(*chunks));
    if (!chunks)
        return ERR_NO_MEMORY;
    b->next.chunks = chunks;
    b->next.chunks[b->next.chunk_count++] = *chunk;
    if (!upload)
        return 0;
    chunk_path(chunk->hash, path);
    int rc =
        hq_client_ask(&b->h->client, "PUT", path, stored, chunk->size_bytes, 0, &answer, b->err);
    hq_answer_fini(&answer);
    if (rc == 0)
        fprintf(stderr, "chunk %zu: %u entries, %u bytes\n", b->next.chunk_count,
                chunk->entry_count, chunk->size_bytes);
    return rc;
}

static struct wanted_item *items_of(const struct wanted_list *list, bool *out_needs_two)
{
    size_t count = wanted_list_count(list);
    struct wanted_cursor cursor = {0};
    struct wanted_item *items = calloc(count + 1, sizeof(*items));
    for (size_t i = 0; items && i < count; i++) {
        const struct wanted_entry *entry = wanted_list_next(list, &cursor);
        items[i] = (struct wanted_item){.record = entry->match.record, .text = entry->match.text};
        *out_needs_two |=
            items[i].record.priority == 1 || items[i].record.handling == HANDLING_OBSERVE;
    }
    return items;
}

static int make_chunks(struct building *b, bool upload)
{
    const struct list_head *head = wanted_list_head(b->list);
    size_t count = wanted_list_count(b->list);
    struct wanted_item *items = items_of(b->list, &b->needs_two);
    int rc = items ? 0 : ERR_NO_MEMORY;
    if (rc == 0 && b->needs_two && !b->two_sign)
        rc = err_set(b->err, ERR_DENIED,
                     "holds entries of priority 1, expected two clerks: --key twice, or --out FILE "
                     "for the other one");
    b->next.revision = head->revision;
    memcpy(b->next.hash, head->hash, HASH_SIZE);
    b->next.entry_count = count;
    b->next.max_id = b->max_id;
    for (size_t at = 0; rc == 0 && at < count;) {
        struct snapshot_chunk chunk;
        uint8_t *stored = NULL;
        size_t used = 0;
        rc = snapshot_write_chunk(items + at, count - at, CHUNK_ZSTD, &chunk, &stored, &used);
        if (rc == 0)
            rc = add_chunk(b, &chunk, stored, upload);
        free(stored);
        at += used;
    }
    free(items);
    return rc;
}

/* Another clerk's manifest: the same but for signatures and time, or it is not signed. */
static int open_manifest(struct building *b, const char *path, struct envelope *out)
{
    uint8_t *text = NULL;
    size_t size = 0;
    struct snapshot theirs = {0};
    struct envelope mine = {0};
    int rc = file_read(path, ENVELOPE_SIZE_MAX, &text, &size, b->err);
    if (rc == 0)
        rc = envelope_parse(text, size, out, b->err);
    if (rc == 0)
        rc = snapshot_verify(wanted_list_keyset(b->list), text, size, &theirs, b->err);
    free(text);
    if (rc != 0)
        return err_prefix(b->err, rc, "%s", path);
    b->next.time = theirs.time;
    rc = snapshot_compose(&b->next, &mine, b->err);
    if (rc == 0 && (mine.payload_size != out->payload_size ||
                    memcmp(mine.payload, out->payload, mine.payload_size) != 0))
        rc = err_set(b->err, ERR_CONFLICT,
                     "%s: is not the list at revision %" PRIu64 " (it says %" PRIu64 ")", path,
                     b->next.revision, theirs.revision);
    envelope_fini(&mine);
    snapshot_fini(&theirs);
    return rc;
}

static int sign(const struct hqctl *h, struct envelope *manifest, const char *const *keys,
                size_t count, struct err_text *err)
{
    const struct passphrase_source source = hqctl_passphrases(h);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < count; i++) {
        struct sign_key *key = NULL;
        rc = key_store_open(keys[i], &source, keys[i], &key, err);
        if (rc == 0)
            rc = envelope_sign(manifest, key);
        if (rc == ERR_CONFLICT)
            rc = err_set(err, rc, "%s: has signed it already, expected another clerk's", keys[i]);
        sign_key_free(key);
    }
    return rc;
}

static int publish_manifest(struct building *b, const char *text, size_t size)
{
    struct hq_answer answer;
    int rc =
        hq_client_ask(&b->h->client, "PUT", "/v1/list/snapshot", text, size, 0, &answer, b->err);
    hq_answer_fini(&answer);
    return rc;
}

struct asked {
    const char *keys[KEYS_MAX];
    size_t key_count;
    const char *add;
    const char *out;
    const char *roots;
};

static int say(const struct building *b, const char *file)
{
    if (b->h->json)
        return hqctl_print(
            json_pack("{s:I,s:I,s:I,s:b,s:s?}", "revision", (json_int_t)b->next.revision, "entries",
                      (json_int_t)b->next.entry_count, "chunks", (json_int_t)b->next.chunk_count,
                      "published", file == NULL, "file", file));
    printf("Snapshot of revision %" PRIu64 ": %" PRIu64 " entries in %zu chunks, %s%s\n",
           b->next.revision, b->next.entry_count, b->next.chunk_count,
           file ? "manifest in " : "published.", file ? file : "");
    if (file)
        printf("The other clerk: hqctl wanted snapshot --add %s --key CLERK.key.pem\n", file);
    return EXIT_OK;
}

/* Signs what was built, then publishes it or leaves it for the other clerk. */
static int finish(struct building *b, const struct asked *asked, bool *out_published)
{
    struct envelope manifest = {0};
    char *text = NULL;
    size_t size = 0;
    int rc;
    b->next.time = clock_wall(&clock_system);
    fprintf(hqctl_talk(b->h),
            "The list at revision %" PRIu64 ": %" PRIu64 " entries%s, highest id %" PRIu64 "\n",
            b->next.revision, b->next.entry_count, b->needs_two ? ", some of priority 1" : "",
            b->next.max_id);
    rc = asked->add ? open_manifest(b, asked->add, &manifest)
                    : snapshot_compose(&b->next, &manifest, b->err);
    if (rc == 0)
        rc = sign(b->h, &manifest, asked->keys, asked->key_count, b->err);
    if (rc == 0)
        rc = envelope_write(&manifest, &text, &size);
    *out_published = !asked->out;
    if (rc == 0)
        rc = asked->out ? signed_file_save(asked->out, text, size, false, b->err)
                        : publish_manifest(b, text, size);
    free(text);
    envelope_fini(&manifest);
    return rc;
}

static int make(struct hqctl *h, const struct asked *asked)
{
    struct err_text err = {""};
    struct building b = {
        .h = h, .err = &err, .two_sign = asked->out || asked->add || asked->key_count == KEYS_MAX};
    char roots[KEY_STORE_PATH_SIZE];
    bool published = false;
    int rc = 0;
    if (!asked->roots && h->choice.folder)
        rc = key_store_path(roots, h->choice.folder, "roots", &err);
    else if (!asked->roots)
        rc = err_set(&err, ERR_INVALID, "no root keys, expected --roots FOLDER or --dir");
    if (rc == 0)
        rc = fetch_list(&b, asked->roots ? asked->roots : roots);
    if (rc == 0)
        rc = make_chunks(&b, !asked->add);
    if (rc == 0)
        rc = finish(&b, asked, &published);
    int status = rc == 0 ? say(&b, published ? NULL : asked->out) : hqctl_fail(h, rc, &err);
    wanted_list_destroy(b.list);
    snapshot_fini(&b.held);
    snapshot_fini(&b.next);
    return status;
}

int hqctl_wanted_snapshot(struct hqctl *h, int argc, char **argv)
{
    struct asked asked = {0};
    const struct arg_option options[] = {
        ARG_OPTION_TEXTS_NEEDED("key", "FILE", asked.keys, KEYS_MAX, &asked.key_count,
                                "A clerk's list key; twice where both clerks are here."),
        ARG_OPTION_TEXT(
            "out", "FILE", &asked.out,
            "Leave the signed manifest in FILE for the other clerk. Default: publish it."),
        ARG_OPTION_TEXT(
            "add", "FILE", &asked.add,
            "Sign the manifest another clerk left, after building the same list again."),
        ARG_OPTION_TEXT("roots", "FOLDER", &asked.roots,
                        "The root public keys, *.pem. Default: those of --dir."),
        HQCTL_PASSPHRASE_FD(h, "as the keys stand")};
    struct arg_spec spec = {
        .text = "DESCRIPTION\n"
                "  Fetches the newest snapshot and every batch since, verifies each as a "
                "checkpoint does,\n  and publishes the list as chunks and one signed manifest. "
                "Two clerks sign when any entry\n  is of priority 1.\n",
        ARG_OPTIONS(options)};
    int status = hqctl_open(h, argc, argv, &spec);
    return status >= 0 ? status : make(h, &asked);
}
