/*
 * hqd for fuzz targets of its handlers: a database in memory, keys of its own, a clock that stands.
 */
#pragma once

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/json.h"
#include "gateway/hq/hqd.h"
#include "gateway/hq/route.h"

static struct hqd hq;

static inline struct wall_time stands(void *ctx)
{
    (void)ctx;
    return (struct wall_time){1800000000000};
}

static inline void open_once(void)
{
    if (hq.keyset)
        return;
    hq = (struct hqd){
        .clock = {.wall = stands}, .est_url = "https://hq/", .cacerts = strdup("MIIB")};
    hq.keyset = calloc(1, sizeof(*hq.keyset));
    int rc = hq_db_open_sqlite(":memory:", &hq.db, NULL);
    assert(hq.cacerts && hq.keyset && rc == 0);
    rc = sign_key_create(KEY_ALG_ED25519, &hq.freshness_key);
    assert(rc == 0);
    rc = sign_key_create(KEY_ALG_ED25519, &hq.receipt_key);
    assert(rc == 0);
}

/* What the call was answered, which is strict JSON; the caller releases it. */
static inline json_t *answer_json(const struct hq_call *call)
{
    json_t *value = NULL;
    size_t length = evbuffer_get_length(call->answer.body);
    int rc = json_parse((const char *)evbuffer_pullup(call->answer.body, -1), length, &value, NULL);
    assert(rc == 0);
    return value;
}
