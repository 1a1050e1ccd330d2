/*
 * hqd without HTTP for tests of its handlers: a database in memory, a key set of hqd's own two
 * keys, a clock that stands. One a test program.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/json.h"
#include "gateway/hq/hqd.h"
#include "store/any_store.h"

static struct hqd hq;
static struct wall_time wall;
static unsigned woken;

static struct wall_time stands(void *ctx)
{
    (void)ctx;
    return wall;
}

static void note_wake(void *ctx, unsigned topics)
{
    (void)ctx;
    woken |= topics;
}

static void add_key(struct keyset *set, enum key_role role, const struct sign_key *key)
{
    struct keyset_key *k = &set->keys[set->key_count++];
    *k = (struct keyset_key){
        .role = role, .alg = KEY_ALG_ED25519, .holder = "hqd", .not_after = {INT64_MAX}};
    memcpy(k->id, sign_key_id(key), KEY_ID_SIZE);
    memcpy(k->public_key, sign_key_public(key), PUBLIC_KEY_SIZE);
}

static int open_hq(void **state)
{
    (void)state;
    static const char *const operators[] = {"zhang", NULL};
    wall.ms = 1800000000000;
    woken = 0;
    hq = (struct hqd){.clock = {.wall = stands},
                      .est_url = "https://hq/",
                      .token_alone = true,
                      .evidence_day_bytes = 20 << 20,
                      .wake = note_wake};
    hq.keyset = calloc(1, sizeof(*hq.keyset));
    assert_non_null(hq.keyset);
    memcpy(hq.keyset->fleet, "fleet", sizeof("fleet"));
    hq.keyset->version = 1;
    assert_int_equal(sign_key_create(KEY_ALG_ED25519, &hq.freshness_key), 0);
    assert_int_equal(sign_key_create(KEY_ALG_ED25519, &hq.receipt_key), 0);
    add_key(hq.keyset, KEY_ROLE_FRESHNESS, hq.freshness_key);
    add_key(hq.keyset, KEY_ROLE_RECEIPT, hq.receipt_key);
    assert_int_equal(open_store(&hq.db), 0);
    return hqd_set_operators(&hq, operators, NULL);
}

static int close_hq(void **state)
{
    (void)state;
    hqd_close(&hq);
    return 0;
}

/* A call of `name`, whose certificate is good for a day. */
static struct hq_call call_of(enum tls_peer_kind kind, const char *name)
{
    struct hq_call call;
    assert_int_equal(hq_call_init(&call, &hq), 0);
    call.now = wall;
    call.body = "";
    call.peer.identity.kind = kind;
    call.peer.not_before.ms = wall.ms - 1000;
    call.peer.not_after.ms = wall.ms + 86400000;
    memcpy(call.peer.fingerprint, name, strlen(name));
    memcpy(call.peer.identity.name, name, strlen(name) + 1);
    memcpy(call.peer.identity.fleet, "fleet", sizeof("fleet"));
    memcpy(call.id, name, strlen(name) + 1);
    return call;
}

static json_t *answer_of(struct hq_call *call)
{
    json_t *value = NULL;
    struct err_text err = {""};
    size_t size = evbuffer_get_length(call->answer.body);
    int rc = json_parse((const char *)evbuffer_pullup(call->answer.body, -1), size, &value, &err);
    assert_string_equal(err.text, "");
    assert_int_equal(rc, 0);
    return value;
}
