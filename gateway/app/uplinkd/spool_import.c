/*
 * Import of spool mode: headquarters' answers from a stick, told to the same inbox that reads them
 * off the wire, so that each is verified, ordered and kept by the same code. Only what a connection
 * would vouch for is verified here: the numbers of the messages, by headquarters' signature.
 */

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/app/uplinkd/spool.h"
#include "gateway/base/file.h"
#include "gateway/base/json.h"
#include "gateway/tls/letter.h"
#include "gateway/tls/pem.h"

enum {
    FILE_MAX_BYTES = (4 << 20) + (64 << 10), /* of an answer, as over the wire, and its seal */
    PAGE_MAX_BYTES = 2 << 20,                /* of batches; behind that none is added to them */
    BATCHES_AT_ONCE = 64,
    LOOK_MS = 50
};

struct import {
    struct uplinkd *u;
    char folder[SPOOL_PATH_SIZE]; /* of the answers */
    struct root_keys roots;
    uint64_t held[SPOOL_STREAMS]; /* as the stick says */
};

/* ---- the stick in place of a connection ---- */

static int give(struct https_answer *out, int status, char *body, size_t size)
{
    *out = (struct https_answer){.status = status, .body = body, .size = size};
    return body ? 0 : ERR_NO_MEMORY;
}

static int give_file(const struct import *in, const char *name, struct https_answer *out,
                     struct err_text *err)
{
    char path[SPOOL_PATH_SIZE];
    uint8_t *text = NULL;
    size_t size = 0;
    int rc = spool_path(in->folder, name, path, err);
    if (rc == 0)
        rc = file_read(path, FILE_MAX_BYTES, &text, &size, err);
    if (rc == ERR_NOT_FOUND)
        return give(out, 404, strdup("{}"), 2);
    return rc == 0 ? give(out, 200, (char *)text, size) : rc;
}

static int open_letter(const struct import *in, const struct https_answer *letter,
                       struct https_answer *out, struct err_text *err)
{
    const struct uplinkd_config *c = &in->u->config;
    EVP_PKEY *key = NULL;
    STACK_OF(X509) *chain = NULL;
    uint8_t *text = NULL;
    size_t size = 0;
    int rc = tls_key_file_read(c->key, &key, err);
    if (rc == 0)
        rc = tls_file_certificates(c->certificate, &chain, err);
    if (rc == 0)
        rc = tls_letter_read(key, sk_X509_value(chain, 0), letter->body, letter->size, &text, &size,
                             err);
    sk_X509_pop_free(chain, X509_free);
    EVP_PKEY_free(key);
    return rc == 0 ? give(out, 200, (char *)text, size) : rc;
}

/* What tells of the list is sealed to the box. */
static int give_sealed(const struct import *in, const char *name, struct https_answer *out,
                       struct err_text *err)
{
    char sealed[SPOOL_NAME_SIZE + 64 + sizeof(SPOOL_SEALED)];
    struct https_answer letter = {0};
    (void)snprintf(sealed, sizeof(sealed), "%s" SPOOL_SEALED, name); /* fits */
    int rc = give_file(in, sealed, &letter, err);
    if (rc != 0 || letter.status == 404) {
        *out = letter;
        return rc;
    }
    rc = open_letter(in, &letter, out, err);
    https_answer_free(&letter);
    return rc == 0 ? 0 : err_prefix(err, rc, "%s", sealed);
}

/* {"batches":[…],"next":…} of the batches behind `after` that came along. */
static int give_batches(const struct import *in, uint64_t after, struct https_answer *out,
                        struct err_text *err)
{
    json_t *rows = json_array();
    uint64_t next = after;
    size_t size = 0; /* no more at once than over the wire */
    int rc = rows ? 0 : ERR_NO_MEMORY;
    for (int i = 0; rc == 0 && i < BATCHES_AT_ONCE && size < PAGE_MAX_BYTES; i++) {
        struct https_answer one = {0};
        char name[SPOOL_NAME_SIZE];
        json_t *row = NULL;
        (void)snprintf(name, sizeof(name), "batch-%020" PRIu64 ".json", next + 1); /* fits */
        rc = give_sealed(in, name, &one, err);
        bool end = rc == 0 && one.status == 404;
        if (rc == 0 && !end)
            rc = json_parse(one.body, one.size, &row, err);
        size += one.size;
        https_answer_free(&one);
        if (rc != 0 || end)
            break;
        rc = json_array_append_new(rows, row) == 0 ? 0 : ERR_NO_MEMORY;
        next++;
    }
    json_t *object =
        rc == 0 ? json_pack("{s:O,s:I}", "batches", rows, "next", (json_int_t)next) : NULL;
    char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
    json_decref(object);
    json_decref(rows);
    return rc != 0 ? rc : give(out, 200, text, text ? strlen(text) : 0);
}

/* What the box has dealt with already is left out: an older stick tells it once more. */
static int inbox_text(const struct spool_answer *a, uint64_t after, struct https_answer *out)
{
    json_t *rows = json_array();
    const json_t *message;
    size_t i;
    int rc = rows ? 0 : ERR_NO_MEMORY;
    json_array_foreach(a->messages, i, message)
    {
        json_int_t number = json_integer_value(json_object_get(message, "number"));
        if (rc == 0 && number > (json_int_t)after &&
            json_array_append(rows, (json_t *)(uintptr_t)message) != 0)
            rc = ERR_NO_MEMORY;
    }
    json_t *object = rc == 0 ? json_pack("{s:O,s:I}", "messages", rows, "next",
                                         (json_int_t)(a->next > after ? a->next : after))
                             : NULL;
    char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
    json_decref(object);
    json_decref(rows);
    return give(out, 200, text, text ? strlen(text) : 0);
}

static int read_answer(const struct import *in, struct spool_answer *out, struct err_text *err)
{
    struct https_answer file = {0};
    static struct keyset set; /* too large for a stack */
    size_t size = 0;
    const void *keyset = wanted_store_keyset(in->u->store, &size);
    int rc = keyset ? keyset_verify(&in->roots, keyset, size, &set, err)
                    : err_set(err, ERR_NOT_FOUND, "no key set here and none on the stick");
    if (rc == 0)
        rc = give_file(in, "inbox.json", &file, err);
    if (rc == 0 && file.status == 404)
        rc = err_set(err, ERR_NOT_FOUND, "inbox.json: missing, the stick was cut short");
    if (rc == 0)
        rc = spool_answer_verify(&set, file.body, file.size, out, err);
    https_answer_free(&file);
    return rc;
}

static int give_inbox(struct import *in, uint64_t after, struct https_answer *out,
                      struct err_text *err)
{
    struct spool_answer a = {.spool = 0};
    int rc = read_answer(in, &a, err);
    if (rc == 0 && strcmp(a.checkpoint, in->u->config.checkpoint) != 0)
        rc = err_set(err, ERR_DENIED, "the stick is of checkpoint '%s', this is '%s'", a.checkpoint,
                     in->u->config.checkpoint);
    else if (rc == 0 && a.after > after)
        rc = err_set(err, ERR_CONFLICT,
                     "its messages begin behind %" PRIu64 ", this box has dealt with %" PRIu64
                     ": export anew and take that to headquarters",
                     a.after, after);
    if (rc == 0)
        rc = inbox_text(&a, after, out);
    memcpy(in->held, a.held, sizeof(in->held));
    json_decref(a.messages);
    return rc;
}

static uint64_t after_of(const char *path)
{
    const char *at = strstr(path, "after=");
    return at ? strtoull(at + strlen("after="), NULL, 10) : 0;
}

static int carry(void *ctx, const struct channel_ask *ask, struct https_answer *out,
                 struct err_text *err)
{
    static const char *const files[][2] = {{"/v1/list/head", "head.json"},
                                           {"/v1/keyset", "keyset.json"},
                                           {"/v1/match-policy", "policy.json"},
                                           {"/v1/exempt-list", "exempt.json"},
                                           {"/v1/retention-terms", "retention.json"}};
    static const char chunks[] = "/v1/list/chunks/";
    struct import *in = ctx;
    char name[SPOOL_NAME_SIZE + 64];
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        if (strcmp(ask->path, files[i][0]) == 0)
            return give_file(in, files[i][1], out, err);
    if (strcmp(ask->path, "/v1/list/snapshot") == 0)
        return give_sealed(in, "snapshot.json", out, err);
    if (strncmp(ask->path, chunks, sizeof(chunks) - 1) == 0) {
        (void)snprintf(name, sizeof(name), "chunk-%.64s.bin", ask->path + sizeof(chunks) - 1);
        return give_sealed(in, name, out, err);
    }
    if (strncmp(ask->path, "/v1/list/batches?", 17) == 0)
        return give_batches(in, after_of(ask->path), out, err);
    if (strcmp(ask->method, "GET") == 0 && strstr(ask->path, "/inbox?"))
        return give_inbox(in, after_of(ask->path), out, err);
    return give(out, 404, strdup("{}"), 2);
}

/* ---- receipts ---- */

static int hand_receipt(const struct import *in, struct box *box, enum spool_stream stream,
                        struct err_text *err)
{
    const struct records_box *side = box_records(box);
    struct https_answer file = {0};
    char name[SPOOL_NAME_SIZE];
    char *text = NULL;
    size_t size = 0;
    unsigned epoch = 0;
    uint64_t confirmed = 0;
    (void)snprintf(name, sizeof(name), "receipt-%s.json", spool_stream_name(stream)); /* fits */
    int rc = give_file(in, name, &file, err);
    bool none = rc == 0 && file.status == 404; /* nothing was sent, or nothing taken */
    if (rc == 0 && !none) /* one object on one line: what a stick holds says nothing else there */
        rc = object_answer_read(file.body, file.size, &text, &size, err);
    if (rc == 0 && !none)
        rc = spool_connected(box, &epoch, err);
    if (rc == 0 && !none)
        rc = side->receipt(side->ctx, epoch, text, size, &spool_wait, &confirmed, err);
    free(text);
    https_answer_free(&file);
    if (rc == 0 && !none)
        printf("%s  confirmed 已确认 %" PRIu64 "\n", spool_stream_name(stream), confirmed);
    return rc == 0 ? 0 : err_prefix(err, rc, "%s", name);
}

/* ---- what checkpointd and Redis take at their own pace ---- */

static bool settled(struct import *in, struct err_text *err)
{
    struct uplinkd *u = in->u;
    uplinkd_messages_step(u);
    return wanted_store_sync(u->store, err) == 0 && u->messages.count == 0 && !u->messages.more;
}

static int settle(struct import *in, struct err_text *err)
{
    unsigned epoch = 0;
    int rc = spool_connected(in->u->box, &epoch, err);
    struct mono_time until = mono_add_ms(clock_mono(&clock_system), SPOOL_WAIT_MS);
    while (rc == 0 && !settled(in, err)) {
        if (!mono_before(clock_mono(&clock_system), until))
            rc = err_set(
                err, ERR_TIMEOUT,
                "kept, but not handed on yet: %zu messages, Redis %s (已保存，尚未全部交付)",
                in->u->messages.count, err->text[0] ? err->text : "current");
        else
            (void)poll(NULL, 0, LOOK_MS); /* a pause; a signal only shortens it */
    }
    return rc;
}

/* Headquarters was put back to an earlier state, or is whole again. An older stick says less, too:
 * then a part goes twice and is taken once. */
static int keep_held(const struct import *in, struct box *box, enum spool_stream stream,
                     struct err_text *err)
{
    struct box_journal journal;
    uint64_t held = in->held[stream];
    if (!box_journal(box, &journal))
        return 0;
    bool less = held < journal.confirmed;
    if (less)
        printf("Headquarters holds records up to %" PRIu64 " only: the next export begins there. "
               "总部仅有至该编号的记录，下次导出由此开始。\n",
               held);
    return spool_held_keep(in->u, stream, journal.chain, less ? held : UINT64_MAX, err);
}

/* ---- the command ---- */

static int check_folder(const struct import *in, struct err_text *err)
{
    char path[SPOOL_PATH_SIZE];
    uint8_t *text = NULL;
    size_t size = 0;
    int rc = spool_path(in->folder, "answer.json", path, err);
    if (rc == 0)
        rc = file_read(path, FILE_MAX_BYTES, &text, &size, err);
    free(text);
    return rc == ERR_NOT_FOUND
               ? err_set(
                     err, rc,
                     "%s: missing: no answer of headquarters to this checkpoint, or 'hqctl spool "
                     "import' did not end (存储盘上没有总部的完整答复)",
                     path)
               : rc;
}

int spool_import(struct uplinkd *u, const char *folder, struct err_text *err)
{
    static struct import in; /* too large for a stack */
    struct inbox inbox;
    const struct uplink_carrier carrier = {&in, carry};
    in.u = u;
    int rc = spool_path(folder, "answer", in.folder, err);
    if (rc == 0)
        rc = check_folder(&in, err);
    if (rc == 0)
        rc = wanted_roots_load(u->config.roots, &in.roots, err);
    if (rc != 0)
        return rc;
    uint64_t before = wanted_store_head(u->store)->revision;
    u->site.carrier = &carrier;
    uplinkd_inbox_open(u, &inbox, &spool_wait);
    rc = inbox_once(&inbox, err);
    printf("List 名单  %" PRIu64 " -> %" PRIu64 "; messages 消息 %" PRIu64 "\n", before,
           wanted_store_head(u->store)->revision, uplinkd_inbox_number(u));
    if (rc == 0)
        rc = settle(&in, err);
    if (rc == 0)
        rc = hand_receipt(&in, u->box, SPOOL_JOURNAL, err);
    if (rc == 0)
        rc = hand_receipt(&in, u->observe_box, SPOOL_OBSERVE, err);
    if (rc == 0)
        rc = keep_held(&in, u->box, SPOOL_JOURNAL, err);
    if (rc == 0)
        rc = keep_held(&in, u->observe_box, SPOOL_OBSERVE, err);
    inbox_fini(&inbox);
    u->site.carrier = NULL;
    return rc;
}
