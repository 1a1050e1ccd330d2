/*
 * Stream commands and their replies. No state.
 */
#include "gateway/wanted/delta.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/wanted/keys.h"

enum { ID_SIZE = 48 };

void delta_free(struct delta *delta)
{
    free(delta->bytes);
    *delta = (struct delta){0};
}

static int malformed(struct err_text *err)
{
    return err_set(err, ERR_CORRUPT, KEY_DELTA ": malformed reply");
}

/* "<number>-<number>" */
static int parse_id(const redisReply *reply, struct delta *out)
{
    char *end = NULL;
    if (reply->type != REDIS_REPLY_STRING || reply->len == 0) {
        return ERR_CORRUPT;
    }
    out->revision = strtoull(reply->str, &end, 10);
    if (end == reply->str || *end != '-') {
        return ERR_CORRUPT;
    }
    const char *minor = end + 1;
    out->minor = strtoull(minor, &end, 10);
    return end == minor || *end != '\0' ? ERR_CORRUPT : ERR_OK;
}

/* [id, [field, value, …]] */
static int parse_item(const redisReply *item, struct delta *out, struct err_text *err)
{
    struct delta delta = {0};
    if (item->type != REDIS_REPLY_ARRAY || item->elements != 2 ||
        parse_id(item->element[0], &delta) < 0) {
        return malformed(err);
    }
    const redisReply *fields = item->element[1];
    if (fields->type == REDIS_REPLY_ARRAY && fields->elements == 2 &&
        fields->element[0]->type == REDIS_REPLY_STRING &&
        strcmp(fields->element[0]->str, DELTA_FIELD) == 0 &&
        fields->element[1]->type == REDIS_REPLY_STRING) {
        delta.size = fields->element[1]->len;
        delta.bytes = malloc(delta.size + 1);
        if (!delta.bytes) {
            return err_set(err, ERR_NO_MEMORY, KEY_DELTA ": out of memory");
        }
        memcpy(delta.bytes, fields->element[1]->str, delta.size);
    }
    *out = delta;
    return ERR_OK;
}

static int parse_items(const redisReply *list, struct delta *out, size_t max, size_t *out_count,
                       struct err_text *err)
{
    if (list->type != REDIS_REPLY_ARRAY || list->elements > max) {
        return malformed(err);
    }
    for (size_t i = 0; i < list->elements; i++) {
        int result = parse_item(list->element[i], &out[i], err);
        if (result < 0) {
            while (i > 0) {
                delta_free(&out[--i]);
            }
            return result;
        }
    }
    *out_count = list->elements;
    return ERR_OK;
}

int delta_length(struct link *link, uint64_t *out, struct err_text *err)
{
    redisReply *reply = NULL;
    const struct link_arg args[] = {LINK_TEXT("XLEN"), LINK_TEXT(KEY_DELTA)};
    int result = link_call(link, args, 2, &reply, err);
    if (result < 0) {
        return result;
    }
    bool good = reply->type == REDIS_REPLY_INTEGER && reply->integer >= 0;
    *out = good ? (uint64_t)reply->integer : 0;
    freeReplyObject(reply);
    return good ? ERR_OK : malformed(err);
}

static int one(struct link *link, const struct link_arg *args, size_t count, struct delta *out,
               struct err_text *err)
{
    redisReply *reply = NULL;
    size_t got = 0;
    int result = link_call(link, args, count, &reply, err);
    if (result < 0) {
        return result;
    }
    result = parse_items(reply, out, 1, &got, err);
    freeReplyObject(reply);
    if (result == ERR_OK && (got == 0 || !out->bytes)) {
        return err_set(err, got == 0 ? ERR_NOT_FOUND : ERR_CORRUPT, KEY_DELTA ": no such batch");
    }
    return result;
}

int delta_last(struct link *link, struct delta *out, struct err_text *err)
{
    const struct link_arg args[] = {LINK_TEXT("XREVRANGE"), LINK_TEXT(KEY_DELTA), LINK_TEXT("+"),
                                    LINK_TEXT("-"),         LINK_TEXT("COUNT"),   LINK_TEXT("1")};
    return one(link, args, 6, out, err);
}

int delta_get(struct link *link, uint64_t revision, struct delta *out, struct err_text *err)
{
    char id[ID_SIZE];
    (void)snprintf(id, sizeof(id), "%" PRIu64 "-0", revision); /* fits */
    const struct link_arg args[] = {LINK_TEXT("XRANGE"), LINK_TEXT(KEY_DELTA), LINK_TEXT(id),
                                    LINK_TEXT(id)};
    return one(link, args, 4, out, err);
}

int delta_add(struct link *link, uint64_t revision, const void *bytes, size_t size,
              struct err_text *err)
{
    char id[ID_SIZE];
    redisReply *reply = NULL;
    (void)snprintf(id, sizeof(id), "%" PRIu64 "-0", revision); /* fits */
    const struct link_arg args[] = {LINK_TEXT("XADD"),
                                    LINK_TEXT(KEY_DELTA),
                                    LINK_TEXT(id),
                                    LINK_TEXT(DELTA_FIELD),
                                    {bytes, size}};
    int result = link_call(link, args, 5, &reply, err);
    freeReplyObject(reply);
    return result;
}

int delta_read(struct link *link, uint64_t after, uint64_t after_minor, int wait_ms,
               struct delta *out, size_t max, size_t *out_count, struct err_text *err)
{
    char id[ID_SIZE];
    char count[NUMBER_SIZE];
    char wait[NUMBER_SIZE];
    redisReply *reply = NULL;
    (void)snprintf(id, sizeof(id), "%" PRIu64 "-%" PRIu64, after, after_minor); /* all fit */
    (void)snprintf(count, sizeof(count), "%zu", max);
    (void)snprintf(wait, sizeof(wait), "%d", wait_ms);
    const struct link_arg waiting[] = {
        LINK_TEXT("XREAD"), LINK_TEXT("COUNT"),   LINK_TEXT(count),     LINK_TEXT("BLOCK"),
        LINK_TEXT(wait),    LINK_TEXT("STREAMS"), LINK_TEXT(KEY_DELTA), LINK_TEXT(id)};
    const struct link_arg at_once[] = {LINK_TEXT("XREAD"),   LINK_TEXT("COUNT"),   LINK_TEXT(count),
                                       LINK_TEXT("STREAMS"), LINK_TEXT(KEY_DELTA), LINK_TEXT(id)};
    int result = wait_ms > 0 ? link_call(link, waiting, 8, &reply, err)
                             : link_call(link, at_once, 6, &reply, err);
    *out_count = 0;
    if (result < 0) {
        return result;
    }
    if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 1 &&
        reply->element[0]->type == REDIS_REPLY_ARRAY && reply->element[0]->elements == 2) {
        result = parse_items(reply->element[0]->element[1], out, max, out_count, err);
    } else if (reply->type != REDIS_REPLY_NIL) {
        result = malformed(err);
    }
    freeReplyObject(reply);
    return result;
}

int delta_same_manifest(struct link *link, uint8_t *want, size_t size, bool *out,
                        struct err_text *err)
{
    redisReply *reply = NULL;
    const struct link_arg args[] = {LINK_TEXT("HGET"), LINK_TEXT(KEY_META),
                                    LINK_TEXT(META_MANIFEST)};
    int result = link_call(link, args, 3, &reply, err);
    if (result == ERR_OK) {
        *out = reply->type == REDIS_REPLY_STRING && reply->len == size &&
               memcmp(reply->str, want, size) == 0;
    }
    freeReplyObject(reply);
    free(want);
    return result;
}
