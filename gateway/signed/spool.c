/* See spool.h. No state. */
#include "gateway/signed/spool.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/base/encode.h"
#include "gateway/base/json.h"
#include "gateway/signed/fields.h"

static const char *const streams[SPOOL_STREAMS] = {"journal", "observe"};

const char *spool_stream_name(enum spool_stream stream)
{
    return stream == SPOOL_JOURNAL || stream == SPOOL_OBSERVE ? streams[stream] : NULL;
}

/* ---- manifest ---- */

static json_t *place_json(const struct spool_place *p)
{
    return json_pack("{s:s,s:I,s:I}", "chain", p->chain, "confirmed", (json_int_t)p->confirmed,
                     "recorded", (json_int_t)p->recorded);
}

static json_t *file_json(const struct spool_file *f)
{
    return json_pack("{s:I,s:s,s:I,s:I,s:s,s:o,s:s}", "bytes", (json_int_t)f->size_bytes, "chain",
                     f->chain, "first", (json_int_t)f->first, "last", (json_int_t)f->last, "name",
                     f->name, "sha256", hash_json(f->sha256), "stream", streams[f->stream]);
}

int spool_manifest_write(const struct spool_manifest *m, char **out, size_t *out_size)
{
    json_t *files = json_array();
    int rc = files ? 0 : ERR_NO_MEMORY;
    for (size_t i = 0; rc == 0 && i < m->file_count; i++)
        if (json_array_append_new(files, file_json(&m->files[i])) != 0)
            rc = ERR_NO_MEMORY;
    json_t *object =
        rc == 0 ? json_pack("{s:I,s:s,s:I,s:O,s:o,s:o,s:o,s:I,s:I,s:I,s:o}", "after",
                            (json_int_t)m->after, "checkpoint", m->checkpoint, "exempt",
                            (json_int_t)m->exempt, "files", files, "hash", hash_json(m->hash),
                            "journal", place_json(&m->places[SPOOL_JOURNAL]), "observe",
                            place_json(&m->places[SPOOL_OBSERVE]), "number", (json_int_t)m->number,
                            "policy", (json_int_t)m->policy, "revision", (json_int_t)m->revision,
                            "time", time_json(m->time))
                : NULL;
    if (rc == 0)
        rc = object ? json_canonical(object, out, out_size) : ERR_NO_MEMORY;
    json_decref(object);
    json_decref(files);
    return rc;
}

static int read_chain(const json_t *object, char out[SPOOL_CHAIN_SIZE], struct err_text *err)
{
    uint8_t bytes[CHAIN_ID_SIZE];
    int rc = field_copy(object, "chain", SPOOL_CHAIN_SIZE - 1, out, err);
    return rc == 0 && hex_decode(out, bytes, sizeof(bytes)) != 0
               ? err_set(err, ERR_INVALID, "chain: expected %d hex digits", SPOOL_CHAIN_SIZE - 1)
               : rc;
}

/* A name becomes a path on whoever reads it: letters, digits, '-' and '.', none in front. */
static bool name_good(const char *name)
{
    return name[0] >= 'a' && name[0] <= 'z' &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-.") == strlen(name) &&
           !strstr(name, "..");
}

static int read_file(const json_t *value, struct spool_file *f, struct err_text *err)
{
    static const char *const names[] = {"bytes", "chain",  "first",  "last",
                                        "name",  "sha256", "stream", NULL};
    const char *stream = NULL;
    int rc = fields_check(value, names, err);
    if (rc == 0)
        rc = field_number(value, "bytes", 1, INT64_MAX, &f->size_bytes, err);
    if (rc == 0)
        rc = read_chain(value, f->chain, err);
    if (rc == 0)
        rc = field_number(value, "first", 1, INT64_MAX, &f->first, err);
    if (rc == 0)
        rc = field_number(value, "last", f->first, INT64_MAX, &f->last, err);
    if (rc == 0)
        rc = field_copy(value, "name", SPOOL_NAME_SIZE - 1, f->name, err);
    if (rc == 0 && !name_good(f->name))
        rc = err_set(err, ERR_INVALID, "name: expected a-z, 0-9, '-' and '.'");
    if (rc == 0)
        rc = field_hash(value, "sha256", f->sha256, err);
    if (rc == 0)
        rc = field_text(value, "stream", 1, 16, &stream, err);
    if (rc != 0)
        return rc;
    f->stream = strcmp(stream, streams[SPOOL_OBSERVE]) == 0 ? SPOOL_OBSERVE : SPOOL_JOURNAL;
    return strcmp(stream, streams[f->stream]) == 0
               ? 0
               : err_set(err, ERR_INVALID, "stream: expected journal or observe");
}

static int read_place(const json_t *object, enum spool_stream stream, struct spool_place *out,
                      struct err_text *err)
{
    static const char *const names[] = {"chain", "confirmed", "recorded", NULL};
    const json_t *journal = json_object_get(object, streams[stream]);
    int rc = json_is_object(journal)
                 ? fields_check(journal, names, err)
                 : err_set(err, ERR_INVALID, "%s: expected an object", streams[stream]);
    if (rc == 0)
        rc = read_chain(journal, out->chain, err);
    if (rc == 0)
        rc = field_number(journal, "recorded", 0, INT64_MAX, &out->recorded, err);
    return rc == 0 ? field_number(journal, "confirmed", 0, out->recorded, &out->confirmed, err)
                   : rc;
}

static int read_state(const json_t *object, struct spool_manifest *m, struct err_text *err)
{
    int rc = field_copy(object, "checkpoint", CHECKPOINT_ID_MAX, m->checkpoint, err);
    if (rc == 0 && !checkpoint_id_good(m->checkpoint))
        rc = err_set(err, ERR_INVALID, "checkpoint: expected a-z, 0-9 and '-'");
    if (rc == 0)
        rc = field_number(object, "number", 1, INT64_MAX, &m->number, err);
    if (rc == 0)
        rc = field_time(object, "time", &m->time, err);
    if (rc == 0)
        rc = field_number(object, "after", 0, INT64_MAX, &m->after, err);
    if (rc == 0)
        rc = field_number(object, "revision", 0, INT64_MAX, &m->revision, err);
    if (rc == 0)
        rc = field_hash(object, "hash", m->hash, err);
    if (rc == 0)
        rc = field_number(object, "policy", 0, INT64_MAX, &m->policy, err);
    if (rc == 0)
        rc = field_number(object, "exempt", 0, INT64_MAX, &m->exempt, err);
    for (int i = 0; rc == 0 && i < SPOOL_STREAMS; i++)
        rc = read_place(object, (enum spool_stream)i, &m->places[i], err);
    return rc;
}

int spool_manifest_read(const void *text, size_t size, struct spool_manifest *out,
                        struct err_text *err)
{
    static const char *const names[] = {"after",  "checkpoint", "exempt",  "files",
                                        "hash",   "journal",    "observe", "number",
                                        "policy", "revision",   "time",    NULL};
    const json_t *files = NULL;
    json_t *object = NULL;
    *out = (struct spool_manifest){.number = 0};
    int rc = json_parse(text, size, &object, err);
    if (rc == 0)
        rc = fields_check(object, names, err);
    if (rc == 0)
        rc = read_state(object, out, err);
    if (rc == 0)
        rc = field_array(object, "files", SPOOL_FILES_MAX, &files, err);
    for (size_t i = 0; rc == 0 && i < json_array_size(files); i++) {
        rc = read_file(json_array_get(files, i), &out->files[i], err);
        rc = rc == 0 ? 0 : err_prefix(err, rc, "files[%zu]", i);
        out->file_count = i + 1;
    }
    json_decref(object);
    return rc == 0 ? 0 : err_prefix(err, rc, "manifest");
}

/* ---- answer ---- */

int spool_answer_compose(const struct spool_answer *a, struct envelope *out, struct err_text *err)
{
    if (!checkpoint_id_good(a->checkpoint) || a->next < a->after || !json_is_array(a->messages))
        return err_set(err, ERR_INVALID, "spool answer: checkpoint or numbers out of range");
    return statement_compose(
        json_pack("{s:I,s:s,s:I,s:I,s:O,s:I,s:I,s:o}", "after", (json_int_t)a->after, "checkpoint",
                  a->checkpoint, "held", (json_int_t)a->held[SPOOL_JOURNAL], "held_observe",
                  (json_int_t)a->held[SPOOL_OBSERVE], "messages", a->messages, "next",
                  (json_int_t)a->next, "spool", (json_int_t)a->spool, "time", time_json(a->time)),
        STATEMENT_SPOOL_ANSWER, out);
}

static int read_answer(const json_t *object, struct spool_answer *a, struct err_text *err)
{
    static const char *const names[] = {
        "after", "checkpoint", "held", "held_observe", "messages", "next", "spool", "time", NULL};
    int rc = fields_check(object, names, err);
    if (rc == 0)
        rc = field_copy(object, "checkpoint", CHECKPOINT_ID_MAX, a->checkpoint, err);
    if (rc == 0)
        rc = field_number(object, "spool", 1, INT64_MAX, &a->spool, err);
    if (rc == 0)
        rc = field_number(object, "after", 0, INT64_MAX, &a->after, err);
    if (rc == 0)
        rc = field_number(object, "held", 0, INT64_MAX, &a->held[SPOOL_JOURNAL], err);
    if (rc == 0)
        rc = field_number(object, "held_observe", 0, INT64_MAX, &a->held[SPOOL_OBSERVE], err);
    if (rc == 0)
        rc = field_number(object, "next", a->after, INT64_MAX, &a->next, err);
    if (rc == 0)
        rc = field_time(object, "time", &a->time, err);
    if (rc == 0 && !json_is_array(json_object_get(object, "messages")))
        rc = err_set(err, ERR_INVALID, "messages: expected a list");
    return rc;
}

int spool_answer_verify(const struct keyset *set, const void *envelope, size_t size,
                        struct spool_answer *out, struct err_text *err)
{
    struct signers signers;
    struct spool_answer a = {.spool = 0};
    json_t *object = NULL;
    int rc = statement_open(set, envelope, size, STATEMENT_SPOOL_ANSWER, &signers, &object, err);
    if (rc == 0)
        rc = read_answer(object, &a, err);
    if (rc == 0)
        rc = signers_check_time(&signers, a.time, err);
    if (rc == 0) {
        a.messages = json_incref(json_object_get(object, "messages"));
        *out = a;
    }
    json_decref(object);
    return rc == 0 ? 0 : err_prefix(err, rc, "spool answer");
}
