/*
 * hqctl spool import: a stick from a checkpoint without a network. Its manifest and files go to
 * hqd, which takes them as it takes a connection of that box; what headquarters has for the box is
 * left in answer/ beside them, every statement as it was signed.
 */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/app/hqctl/hqctl.h"
#include "gateway/base/compress.h"
#include "gateway/base/encode.h"
#include "gateway/base/file.h"
#include "gateway/base/json.h"
#include "gateway/signed/spool.h"
#include "gateway/tls/letter.h"
#include "gateway/tls/sealed.h"

enum {
    BODY_MAX = 1 << 20, /* bytes of records, hqd's limit */
    SNAPSHOT_GAP = 64,  /* batches behind which a snapshot is taken along */
    TIMEOUT_S = 120
};

struct spool {
    struct hqctl *h;
    const char *folder;
    const char *reason;
    char answer[HQCTL_PATH_SIZE];
    char *manifest; /* heap, as it is on the stick */
    size_t manifest_size;
    struct spool_manifest m;
    X509 *box;                   /* certificate of the manifest, which hqd has judged */
    bool stopped[SPOOL_STREAMS]; /* hqd takes no more of it */
    size_t taken;
};

static int path_of(const char *folder, const char *name, char out[HQCTL_PATH_SIZE],
                   struct err_text *err)
{
    int size = snprintf(out, HQCTL_PATH_SIZE, "%s/%s", folder, name);
    return size > 0 && size < HQCTL_PATH_SIZE
               ? 0
               : err_set(err, ERR_TOO_LARGE, "%s: path too long", folder);
}

static int save(const struct spool *s, const char *name, const void *data, size_t size,
                struct err_text *err)
{
    char path[HQCTL_PATH_SIZE];
    int rc = path_of(s->answer, name, path, err);
    return rc == 0 ? file_write_stick(path, data, size, err) : rc;
}

/* What tells of the list: whoever carries the stick reads in it no entry that shows nowhere at the
 * box. */
static int save_for_box(const struct spool *s, const char *name, const void *data, size_t size,
                        struct err_text *err)
{
    char sealed[SPOOL_NAME_SIZE + 64];
    uint8_t *letter = NULL;
    size_t letter_size = 0;
    (void)snprintf(sealed, sizeof(sealed), "%s" SPOOL_SEALED, name); /* fits */
    int rc = tls_letter_write(s->box, data, size, &letter, &letter_size, err);
    if (rc == 0)
        rc = save(s, sealed, letter, letter_size, err);
    free(letter);
    return rc;
}

/* ---- what came ---- */

static int read_manifest(struct spool *s, struct err_text *err)
{
    char path[HQCTL_PATH_SIZE];
    uint8_t *text = NULL;
    uint8_t *payload = NULL;
    size_t size = 0;
    int rc = path_of(s->folder, "manifest.json", path, err);
    if (rc == 0)
        rc = file_check_folder_stick(s->folder, err);
    if (rc == 0)
        rc = file_read(path, TLS_SEALED_MAX, &text, &s->manifest_size, err);
    if (rc == ERR_NOT_FOUND)
        return err_set(err, rc, "%s: missing: no export, or one that was cut short", path);
    s->manifest = (char *)text;
    if (rc == 0)
        rc =
            tls_sealed_payload(s->manifest, s->manifest_size, SPOOL_MANIFEST, &payload, &size, err);
    if (rc == 0)
        rc = spool_manifest_read(payload, size, &s->m, err);
    free(payload);
    if (rc == 0)
        rc = tls_sealed_certificate(s->manifest, s->manifest_size, SPOOL_MANIFEST, &s->box, err);
    return rc == 0 ? 0 : err_prefix(err, rc, "%s", path);
}

static int send_manifest(struct spool *s, struct err_text *err)
{
    struct hq_answer answer = {0};
    json_error_t where;
    json_t *manifest = json_loadb(s->manifest, s->manifest_size, JSON_REJECT_DUPLICATES, &where);
    json_t *body = json_pack("{s:o,s:s}", "manifest", manifest, "reason", s->reason);
    int rc = hq_client_post(&s->h->client, "/v1/operator/spool", body, TIMEOUT_S, &answer, err);
    if (rc == 0)
        hqctl_line(hqctl_talk(s->h), "%s: export %" PRIu64 " of %zu files%s", s->m.checkpoint,
                   s->m.number, s->m.file_count,
                   json_is_true(json_object_get(answer.value, "newer"))
                       ? ""
                       : "; this or a later one was brought before: what is known stays");
    hq_answer_fini(&answer);
    return rc;
}

/* Heap text of a file's records. */
static int read_records(const struct spool *s, const struct spool_file *f, char **out,
                        size_t *out_size, struct err_text *err)
{
    char path[HQCTL_PATH_SIZE];
    uint8_t *raw = NULL;
    size_t size = 0;
    int rc = path_of(s->folder, f->name, path, err);
    if (rc == 0)
        rc = file_read(path, BODY_MAX, &raw, &size, err);
    if (rc != 0)
        return rc;
    const char *end = strrchr(f->name, '.');
    if (!end || strcmp(end, ".zst") != 0) {
        *out = (char *)raw;
        *out_size = size;
        return 0;
    }
    rc = decompress_frame(raw, size, BODY_MAX, out, out_size, err);
    free(raw);
    return rc == 0 ? 0 : err_prefix(err, rc, "%s", path);
}

static int send_file(struct spool *s, const struct spool_file *f, struct err_text *err)
{
    char path[128];
    char name[SPOOL_NAME_SIZE];
    struct hq_answer answer = {0};
    char *text = NULL;
    size_t size = 0;
    (void)snprintf(path, sizeof(path), "/v1/operator/spool/%s/records", s->m.checkpoint); /* fits */
    (void)snprintf(name, sizeof(name), "receipt-%s.json", spool_stream_name(f->stream));  /* fits */
    int rc = read_records(s, f, &text, &size, err);
    if (rc == 0)
        rc = hq_client_ask(&s->h->client, "POST", path, text, size, TIMEOUT_S, &answer, err);
    if (rc == 0)
        rc = save(s, name, answer.text, answer.size, err);
    hq_answer_fini(&answer);
    free(text);
    return rc == 0 ? 0 : err_prefix(err, rc, "%s", f->name);
}

/* What hqd refuses of one chain stops that chain: what lies behind could not follow. */
static int send_files(struct spool *s, struct err_text *out_first)
{
    int first = 0;
    for (size_t i = 0; i < s->m.file_count; i++) {
        const struct spool_file *f = &s->m.files[i];
        struct err_text err = {""};
        if (s->stopped[f->stream])
            continue;
        int rc = send_file(s, f, &err);
        if (rc == 0) {
            s->taken++;
            hqctl_line(hqctl_talk(s->h), "%zu of %zu: %s %" PRIu64 " to %" PRIu64, i + 1,
                       s->m.file_count, spool_stream_name(f->stream), f->first, f->last);
            continue;
        }
        s->stopped[f->stream] = true;
        if (first == 0) {
            first = rc;
            *out_first = err;
        }
        if (rc == ERR_IO || rc == ERR_TIMEOUT || rc == ERR_FULL)
            break; /* hqd or the stick is gone */
    }
    return first;
}

/* ---- what goes back ---- */

/* One statement as it is; unless needed, none yet is no error. `out` NULL: not wanted. */
static int fetch(struct spool *s, const char *path, const char *name, bool needed, json_t **out,
                 struct err_text *err)
{
    struct hq_answer answer = {0};
    int rc = hq_client_ask(&s->h->client, "GET", path, NULL, 0, TIMEOUT_S, &answer, err);
    if (rc == ERR_NOT_FOUND && !needed)
        rc = 0;
    else if (rc == 0)
        rc = save(s, name, answer.text, answer.size, err);
    if (rc == 0 && out)
        *out = json_incref(answer.value);
    hq_answer_fini(&answer);
    return rc;
}

static int fetch_chunk(struct spool *s, const char *path, const char *name, struct err_text *err)
{
    struct hq_answer answer = {0};
    int rc = hq_client_ask(&s->h->client, "GET", path, NULL, 0, TIMEOUT_S, &answer, err);
    if (rc == 0)
        rc = save_for_box(s, name, answer.text, answer.size, err);
    hq_answer_fini(&answer);
    return rc;
}

static int fetch_chunks(struct spool *s, const json_t *chunks, struct err_text *err)
{
    size_t count = json_array_size(chunks);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < count; i++) {
        uint8_t hash[HASH_SIZE];
        char hex[2 * HASH_SIZE + 1];
        char path[128];
        char name[128];
        rc = hash_parse(hqctl_text_of(json_array_get(chunks, i), "hash"), hash);
        hex_encode(hash, sizeof(hash), hex);
        (void)snprintf(path, sizeof(path), "/v1/list/chunks/%s", hex); /* fits */
        (void)snprintf(name, sizeof(name), "chunk-%s.bin", hex);       /* fits */
        if (rc == 0)
            rc = fetch_chunk(s, path, name, err);
        hqctl_line(hqctl_talk(s->h), "list: chunk %zu of %zu", i + 1, count);
    }
    return rc;
}

/* *out_revision: the snapshot's, 0 without one. Who signed it is the box's to verify. */
static int fetch_snapshot(struct spool *s, uint64_t *out_revision, struct err_text *err)
{
    struct hq_answer answer = {0};
    struct envelope e = {0};
    json_t *manifest = NULL;
    *out_revision = 0;
    int rc = hq_client_get(&s->h->client, "/v1/list/snapshot", &answer, err);
    bool none = rc == ERR_NOT_FOUND;
    if (rc == 0)
        rc = envelope_parse(answer.text, answer.size, &e, err);
    if (rc == 0)
        rc = json_parse((const char *)e.payload, e.payload_size, &manifest, err);
    if (rc == 0)
        rc = fetch_chunks(s, json_object_get(manifest, "chunks"), err);
    if (rc == 0)
        rc = save_for_box(s, "snapshot.json", answer.text, answer.size, err);
    if (rc == 0)
        *out_revision = (uint64_t)hqctl_number_of(manifest, "revision");
    json_decref(manifest);
    envelope_fini(&e);
    hq_answer_fini(&answer);
    return none ? 0 : rc;
}

struct walk {
    struct spool *s;
    struct err_text *err;
};

static int save_batch(void *ctx, const json_t *item)
{
    struct walk *w = ctx;
    char name[SPOOL_NAME_SIZE];
    json_t *own = json_deep_copy(item);
    (void)json_object_del(own, "published_by"); /* of no concern to a box */
    char *text = json_dumps(own, JSON_COMPACT | JSON_SORT_KEYS);
    (void)snprintf(name, sizeof(name), "batch-%020lld.json",
                   (long long)hqctl_number_of(item, "revision")); /* fits */
    int rc = text ? save_for_box(w->s, name, text, strlen(text), w->err) : ERR_NO_MEMORY;
    json_decref(own);
    free(text);
    return rc;
}

static int fetch_list(struct spool *s, struct err_text *err)
{
    struct walk walk = {s, err};
    json_t *head = NULL;
    uint64_t after = s->m.revision;
    uint64_t snapshot = 0;
    int rc = fetch(s, "/v1/list/head", "head.json", true, &head, err);
    uint64_t newest = (uint64_t)hqctl_number_of(head, "revision");
    json_decref(head);
    if (rc == 0 && newest > after && (after == 0 || newest - after > SNAPSHOT_GAP))
        rc = fetch_snapshot(s, &snapshot, err);
    if (snapshot > after)
        after = snapshot;
    if (rc == 0 && newest > after)
        rc = hq_client_walk(&s->h->client, "/v1/list/batches?", "batches", &after, save_batch,
                            &walk, err);
    return rc;
}

static int fetch_answers(struct spool *s, struct err_text *err)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "/v1/operator/spool/%s", s->m.checkpoint); /* fits */
    int rc = fetch(s, "/v1/keyset", "keyset.json", true, NULL, err);
    if (rc == 0)
        rc = fetch_list(s, err);
    if (rc == 0)
        rc = fetch(s, "/v1/match-policy", "policy.json", false, NULL, err);
    if (rc == 0)
        rc = fetch(s, "/v1/exempt-list", "exempt.json", false, NULL, err);
    if (rc == 0)
        rc = fetch(s, "/v1/retention-terms", "retention.json", false, NULL, err);
    return rc == 0 ? fetch(s, path, "inbox.json", true, NULL, err) : rc;
}

/* Last of all: without it the box takes nothing. */
static int close_answer(struct spool *s, struct err_text *err)
{
    char text[160];
    int size = snprintf(text, sizeof(text), "{\"checkpoint\":\"%s\",\"export\":%" PRIu64 "}\n",
                        s->m.checkpoint, s->m.number);
    return save(s, "answer.json", text, (size_t)size, err);
}

/* What an import before left there, of another export perhaps: a receipt of a chain that has ended
 * would stop the box's import. */
static int clear_answer(const struct spool *s, struct err_text *err)
{
    char path[HQCTL_PATH_SIZE];
    const struct dirent *entry;
    DIR *folder = opendir(s->answer);
    int rc = folder ? 0 : err_set(err, ERR_IO, "%s: %s", s->answer, strerror(errno));
    while (rc == 0 && (entry = readdir(folder)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        rc = path_of(s->answer, entry->d_name, path, err);
        if (rc == 0 && unlink(path) != 0 && errno != ENOENT)
            rc = err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
    }
    if (folder)
        closedir(folder);
    return rc;
}

static int open_answer(struct spool *s, struct err_text *err)
{
    char path[HQCTL_PATH_SIZE];
    int rc = path_of(s->folder, "answer", s->answer, err);
    if (rc == 0)
        rc = file_make_folder_stick(s->answer, err);
    if (rc == 0)
        rc = path_of(s->answer, "answer.json", path, err);
    if (rc == 0 && unlink(path) != 0 && errno != ENOENT)
        rc = err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
    return rc == 0 ? clear_answer(s, err) : rc;
}

/* ---- the command ---- */

static int run(struct spool *s)
{
    struct err_text err = {""};
    struct err_text refused = {""};
    int stopped = 0;
    int rc = read_manifest(s, &err);
    if (rc == 0)
        rc = send_manifest(s, &err);
    if (rc == 0)
        rc = open_answer(s, &err);
    if (rc == 0)
        stopped = send_files(s, &refused);
    if (rc == 0)
        rc = fetch_answers(s, &err);
    if (rc == 0)
        rc = close_answer(s, &err);
    free(s->manifest);
    X509_free(s->box);
    if (rc != 0)
        return hqctl_fail(s->h, rc, &err);
    if (stopped != 0)
        return hqctl_fail(s->h, stopped, &refused);
    if (s->h->json)
        return hqctl_print(json_pack("{s:s,s:I,s:I}", "checkpoint", s->m.checkpoint, "export",
                                     (json_int_t)s->m.number, "files", (json_int_t)s->taken));
    hqctl_line(stdout, "%zu files taken. At the checkpoint: checkpoint-uplinkd --spool-import",
               s->taken);
    return hqctl_written();
}

int hqctl_spool_import(struct hqctl *h, int argc, char **argv)
{
    static struct spool s; /* too large for a stack */
    s.h = h;
    const struct arg_option options[] = {ARG_OPTION_TEXT_NEEDED(
        "reason", "TEXT", &s.reason, "Who brought it and why, for headquarters' own records.")};
    struct arg_spec spec = {
        .text =
            "DESCRIPTION\n"
            "  Takes what 'checkpoint-uplinkd --spool-export' wrote for a checkpoint without a "
            "network:\n  FOLDER is its folder on the stick. hqd judges the manifest as a "
            "connection "
            "of that box\n  (certificate, revocation) and takes the records as if they were "
            "posted; "
            "what is known\n  already is taken once. Receipts, list, key set and messages go to "
            "FOLDER/answer/ for the\n  box. A chain that is refused stops, the rest goes on; the "
            "status is 1 then.\n",
        ARG_OPTIONS(options),
        ARG_OPERANDS("FOLDER", 1, &s.folder)};
    int status = hqctl_open(h, argc, argv, &spec);
    return status >= 0 ? status : run(&s);
}
