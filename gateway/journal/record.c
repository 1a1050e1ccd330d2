/* See record.h. */
#include "gateway/journal/record.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/bytes.h"

enum { HEADER_VERSION = 1, HASH_SHA256 = 1 };

static const uint8_t magic[4] = {'C', 'P', 'J', 'R'};

static const char *const kind_names[JOURNAL_KIND_COUNT] = {
    [JOURNAL_START] = "start",
    [JOURNAL_STOP] = "stop",
    [JOURNAL_PASSAGE] = "passage",
    [JOURNAL_HIT] = "hit",
    [JOURNAL_DECISION] = "decision",
    [JOURNAL_ORDER] = "order",
    [JOURNAL_OUTCOME] = "outcome",
    [JOURNAL_ACT] = "act",
    [JOURNAL_LIST] = "list",
    [JOURNAL_CONFIG] = "config",
    [JOURNAL_DEVICE] = "device",
    [JOURNAL_CLOCK] = "clock",
    [JOURNAL_SEAL] = "seal",
    [JOURNAL_HIT_ANSWER] = "hit_answer",
    [JOURNAL_INSTRUCTION] = "instruction",
    [JOURNAL_OBSERVED] = "observed",
    [JOURNAL_HANDLING] = "handling",
};

const char *journal_kind_name(enum journal_kind kind)
{
    return (size_t)kind < JOURNAL_KIND_COUNT ? kind_names[kind] : NULL;
}

enum journal_kind journal_kind_parse(const char *name)
{
    for (int k = JOURNAL_START; k < JOURNAL_KIND_COUNT; k++)
        if (strcmp(kind_names[k], name) == 0)
            return (enum journal_kind)k;
    return (enum journal_kind)0;
}

void journal_kind_text(enum journal_kind kind, char out[JOURNAL_KIND_TEXT_SIZE])
{
    const char *name = journal_kind_name(kind);
    if (name)
        (void)snprintf(out, JOURNAL_KIND_TEXT_SIZE, "%s", name); /* fits */
    else
        (void)snprintf(out, JOURNAL_KIND_TEXT_SIZE, "kind_%u", (unsigned)kind); /* fits */
}

void journal_header_write(const struct journal_header *header, uint8_t out[JOURNAL_HEADER_SIZE])
{
    struct byte_writer w;
    char actor[JOURNAL_ACTOR_SIZE] = {0};
    memcpy(actor, header->actor, strnlen(header->actor, JOURNAL_ACTOR_SIZE));
    byte_writer_init(&w, out, JOURNAL_HEADER_SIZE);
    byte_write_bytes(&w, magic, sizeof magic);
    byte_write_u8(&w, HEADER_VERSION);
    byte_write_u8(&w, HASH_SHA256);
    byte_write_u8(&w, (uint8_t)header->kind);
    byte_write_u8(&w, 0);
    byte_write_bytes(&w, header->chain, JOURNAL_CHAIN_ID_SIZE);
    byte_write_be64(&w, header->sequence);
    byte_write_be64(&w, (uint64_t)header->wall.ms);
    byte_write_be64(&w, (uint64_t)header->mono.ns);
    byte_write_bytes(&w, header->boot, JOURNAL_BOOT_ID_SIZE);
    byte_write_bytes(&w, actor, sizeof actor);
    byte_write_bytes(&w, header->digest, JOURNAL_HASH_SIZE);
    byte_write_bytes(&w, header->previous, JOURNAL_HASH_SIZE);
}

/* NUL-padded: nothing may stand behind the first NUL. */
static bool read_actor(struct byte_reader *r, char out[JOURNAL_ACTOR_SIZE + 1])
{
    const uint8_t *bytes = byte_read_bytes(r, JOURNAL_ACTOR_SIZE);
    if (!bytes)
        return false;
    memcpy(out, bytes, JOURNAL_ACTOR_SIZE);
    out[JOURNAL_ACTOR_SIZE] = '\0';
    for (size_t i = strlen(out); i < JOURNAL_ACTOR_SIZE; i++)
        if (out[i] != '\0')
            return false;
    return out[0] != '\0';
}

static void read_into(struct byte_reader *r, uint8_t *out, size_t size)
{
    const uint8_t *bytes = byte_read_bytes(r, size);
    if (bytes)
        memcpy(out, bytes, size);
}

int journal_header_read(const uint8_t bytes[JOURNAL_HEADER_SIZE], struct journal_header *out,
                        struct err_text *err)
{
    struct byte_reader r;
    struct journal_header h = {0};
    byte_reader_init(&r, bytes, JOURNAL_HEADER_SIZE);
    const uint8_t *start = byte_read_bytes(&r, sizeof magic);
    if (!start || memcmp(start, magic, sizeof magic) != 0)
        return err_set(err, ERR_INVALID, "no record header: expected it to begin with CPJR");
    uint8_t version = byte_read_u8(&r);
    uint8_t algorithm = byte_read_u8(&r);
    uint8_t kind = byte_read_u8(&r);
    uint8_t flags = byte_read_u8(&r);
    if (version != HEADER_VERSION || algorithm != HASH_SHA256)
        return err_set(err, ERR_UNSUPPORTED, "record version %u, hash %u: expected 1, 1 (SHA-256)",
                       version, algorithm);
    if (kind == 0 || flags != 0)
        return err_set(err, ERR_INVALID, "record kind %u, flags %u: expected 1 to %d, 0", kind,
                       flags, JOURNAL_KIND_MAX);
    h.kind = (enum journal_kind)kind;
    read_into(&r, h.chain, sizeof h.chain);
    h.sequence = byte_read_be64(&r);
    h.wall.ms = (int64_t)byte_read_be64(&r);
    h.mono.ns = (int64_t)byte_read_be64(&r);
    read_into(&r, h.boot, sizeof h.boot);
    bool actor = read_actor(&r, h.actor);
    read_into(&r, h.digest, sizeof h.digest);
    read_into(&r, h.previous, sizeof h.previous);
    if (!actor || h.sequence == 0 || !byte_reader_done(&r))
        return err_set(err, ERR_INVALID, "record header: sequence 0 or no actor");
    *out = h;
    return 0;
}

/* Found once: OpenSSL would look it up among its providers for each record. NULL: no memory. */
static const EVP_MD *sha256_found;

static void find_sha256(void)
{
    sha256_found = EVP_MD_fetch(NULL, "SHA256", NULL); /* lives as long as the program */
}

static int sha256(const void *a, size_t a_size, const void *b, size_t b_size,
                  uint8_t out[JOURNAL_HASH_SIZE])
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, find_sha256); /* fails only for a bad argument */
    EVP_MD_CTX *context = sha256_found ? EVP_MD_CTX_new() : NULL;
    bool done = context && EVP_DigestInit_ex(context, sha256_found, NULL) == 1 &&
                EVP_DigestUpdate(context, a, a_size) == 1 &&
                EVP_DigestUpdate(context, b, b_size) == 1 &&
                EVP_DigestFinal_ex(context, out, NULL) == 1;
    EVP_MD_CTX_free(context);
    return done ? 0 : ERR_NO_MEMORY;
}

int journal_digest(const uint8_t salt[JOURNAL_SALT_SIZE], const void *body, size_t size,
                   uint8_t out[JOURNAL_HASH_SIZE])
{
    return sha256(salt, JOURNAL_SALT_SIZE, body, size, out);
}

int journal_hash(const uint8_t bytes[JOURNAL_HEADER_SIZE], uint8_t out[JOURNAL_HASH_SIZE])
{
    return sha256(bytes, JOURNAL_HEADER_SIZE, "", 0, out);
}

static int check_body(const struct journal_record *record, struct err_text *err)
{
    uint8_t digest[JOURNAL_HASH_SIZE];
    if (!record->has_body)
        return 0;
    int result = journal_digest(record->salt, record->body, record->body_size, digest);
    if (result != 0)
        return err_set(err, result, "no memory");
    if (memcmp(digest, record->header.digest, sizeof digest) != 0)
        return err_set(err, ERR_CORRUPT, "record %llu: the body is not the one recorded",
                       (unsigned long long)record->header.sequence);
    return 0;
}

static int check_place(const struct journal_head *head, const struct journal_header *header,
                       struct err_text *err)
{
    unsigned long long at = header->sequence;
    unsigned long long after = head->sequence;
    if (memcmp(header->chain, head->chain, sizeof head->chain) != 0)
        return err_set(err, ERR_CONFLICT, "record %llu belongs to another chain", at);
    if (at <= after)
        return err_set(err, ERR_STALE, "record %llu: expected %llu", at, after + 1);
    if (at != after + 1)
        return err_set(err, ERR_NOT_FOUND, "records %llu to %llu are missing", after + 1, at - 1);
    if (memcmp(header->previous, head->hash, sizeof head->hash) != 0)
        return err_set(err, ERR_CORRUPT,
                       "record %llu does not follow record %llu: one of them was altered", at,
                       after);
    return 0;
}

int journal_head_follow(struct journal_head *head, const struct journal_record *record,
                        struct err_text *err)
{
    struct journal_head next = *head;
    int result = check_place(head, &record->header, err);
    if (result == 0)
        result = check_body(record, err);
    if (result == 0 && journal_hash(record->bytes, next.hash) != 0)
        result = err_set(err, ERR_NO_MEMORY, "no memory");
    if (result != 0)
        return result;
    next.sequence = record->header.sequence;
    *head = next;
    return 0;
}
