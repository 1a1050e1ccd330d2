/*
 * Builders for the tests of gateway/signed: a world of roots, clerks and servers with a signed key
 * set, entries, signed batches. Keys are made anew in every run; nothing is kept.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/base/json.h"
#include "gateway/signed/batch.h"
#include "gateway/signed/wanted_entry.h"

#define UNUSED_OK __attribute__((unused))

enum { DAY_MS = 24 * 3600 * 1000 };
static const int64_t T0_MS = 1795392000000; /* 2026-11-23T00:00:00Z */

enum world_key {
    WORLD_CLERK_A,
    WORLD_CLERK_B,
    WORLD_CLERK_A_SPARE, /* a second key of clerk A */
    WORLD_FRESHNESS,
    WORLD_RECEIPT,
    WORLD_INSTRUCTION,
    WORLD_OBSERVE,
    WORLD_KEYS
};

struct world {
    struct sign_key *root[3];
    struct sign_key *key[WORLD_KEYS];
    struct root_keys roots;
    struct keyset set;
    char *keyset_text;
    size_t keyset_size;
};

static const struct {
    enum key_role role;
    const char *holder;
} world_roles[WORLD_KEYS] = {
    [WORLD_CLERK_A] = {KEY_ROLE_LIST, "clerk A"},
    [WORLD_CLERK_B] = {KEY_ROLE_LIST, "clerk B"},
    [WORLD_CLERK_A_SPARE] = {KEY_ROLE_LIST, "clerk A"},
    [WORLD_FRESHNESS] = {KEY_ROLE_FRESHNESS, "hqd"},
    [WORLD_RECEIPT] = {KEY_ROLE_RECEIPT, "hqd"},
    [WORLD_INSTRUCTION] = {KEY_ROLE_INSTRUCTION, "duty officer"},
    [WORLD_OBSERVE] = {KEY_ROLE_OBSERVE, "HQ"},
};

static UNUSED_OK struct wall_time at_ms(int64_t ms)
{
    return (struct wall_time){.ms = ms};
}

static UNUSED_OK void ok(int result, const struct err_text *err)
{
    if (result < 0) {
        fail_msg("%s: %s", err_name(result), err->text);
    }
}

static UNUSED_OK void world_fill_set(const struct world *w, struct keyset *set, uint64_t version)
{
    *set = (struct keyset){.version = version, .time = {T0_MS}, .fleet = "lu-hz"};
    for (int i = 0; i < WORLD_KEYS; i++) {
        struct keyset_key *key = &set->keys[set->key_count++];
        key->role = world_roles[i].role;
        key->alg = sign_key_alg(w->key[i]);
        memcpy(key->id, sign_key_id(w->key[i]), KEY_ID_SIZE);
        memcpy(key->public_key, sign_key_public(w->key[i]), PUBLIC_KEY_SIZE);
        memcpy(key->holder, world_roles[i].holder, strlen(world_roles[i].holder) + 1);
        key->not_before.ms = T0_MS - DAY_MS;
        key->not_after.ms = T0_MS + 365 * (int64_t)DAY_MS;
    }
}

/* The signed text of a set, by the roots of the mask (bit 0 = root 0). */
static UNUSED_OK char *world_sign_set(const struct world *w, const struct keyset *set, int mask,
                                      size_t *out_size)
{
    struct envelope e;
    struct err_text err = {0};
    char *text = NULL;
    ok(keyset_compose(set, &e, &err), &err);
    for (int i = 0; i < 3; i++) {
        if (mask & 1 << i) {
            assert_int_equal(envelope_sign(&e, w->root[i]), 0);
        }
    }
    assert_int_equal(envelope_write(&e, &text, out_size), 0);
    envelope_fini(&e);
    return text;
}

static UNUSED_OK struct world *world_create(void)
{
    struct world *w = calloc(1, sizeof(*w));
    struct err_text err = {0};
    assert_non_null(w);
    for (int i = 0; i < 3; i++) {
        char *pem = NULL;
        assert_int_equal(sign_key_create(KEY_ALG_ED25519, &w->root[i]), 0);
        assert_int_equal(public_key_to_pem(KEY_ALG_ED25519, sign_key_public(w->root[i]), &pem), 0);
        assert_int_equal(root_keys_add_pem(&w->roots, pem, strlen(pem)), 0);
        free(pem);
    }
    for (int i = 0; i < WORLD_KEYS; i++) {
        enum key_alg alg =
            world_roles[i].role == KEY_ROLE_OBSERVE ? KEY_ALG_X25519 : KEY_ALG_ED25519;
        assert_int_equal(sign_key_create(alg, &w->key[i]), 0);
    }
    struct keyset set;
    world_fill_set(w, &set, 1);
    w->keyset_text = world_sign_set(w, &set, 3, &w->keyset_size);
    ok(keyset_verify(&w->roots, w->keyset_text, w->keyset_size, &w->set, &err), &err);
    return w;
}

static UNUSED_OK void world_destroy(struct world *w)
{
    for (int i = 0; i < 3; i++) {
        sign_key_free(w->root[i]);
    }
    for (int i = 0; i < WORLD_KEYS; i++) {
        sign_key_free(w->key[i]);
    }
    free(w->keyset_text);
    free(w);
}

static UNUSED_OK json_t *entry_json(uint64_t id, const char *plate, int priority)
{
    json_t *entry =
        json_pack("{s:I,s:s,s:s,s:s,s:i,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s}", "id",
                  (json_int_t)id, "plate", plate, "class", "02", "category", "stolen", "priority",
                  priority, "handling", "stop", "reason", "stolen 2026-11-01", "authority",
                  "菏泽市公安局", "case_number", "A3717000001", "applicant", "张三", "reviewer",
                  "李四", "approver", "王五", "contact", "0530-110", "valid_from",
                  "2026-11-01T00:00:00.000Z", "valid_until", "2027-05-01T00:00:00.000Z");
    assert_non_null(entry);
    json_t *approval =
        json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s}", "applicant_number", "370001", "applicant_time",
                  "2026-11-01T00:00:00.000Z", "reviewer_number", "370002", "reviewer_time",
                  "2026-11-01T01:00:00.000Z", "approver_number", "370003", "approver_time",
                  "2026-11-01T02:00:00.000Z", "document", "17");
    assert_int_equal(json_object_update(entry, approval), 0);
    json_decref(approval);
    return entry;
}

/* An item whose text the caller frees. */
static UNUSED_OK struct wanted_item item_make(uint64_t id, const char *plate, int priority)
{
    struct wanted_item item;
    struct err_text err = {0};
    char *text = NULL;
    json_t *entry = entry_json(id, plate, priority);
    ok(wanted_entry_from_json(entry, &item.record, &text, &err), &err);
    json_decref(entry);
    item.text = text;
    return item;
}

static UNUSED_OK void item_free(struct wanted_item *item)
{
    free((void *)(uintptr_t)item->text);
    item->text = NULL;
}

/* The envelope text of a batch signed by the keys listed, ended by WORLD_KEYS. */
static UNUSED_OK char *batch_text(const struct world *w, const struct batch_plan *plan,
                                  size_t *out_size, ...)
{
    struct envelope e;
    struct err_text err = {0};
    char *text = NULL;
    va_list keys;
    ok(batch_compose(plan, &e, &err), &err);
    va_start(keys, out_size);
    for (int key = va_arg(keys, int); key != WORLD_KEYS; key = va_arg(keys, int)) {
        assert_int_equal(envelope_sign(&e, w->key[key]), 0);
    }
    va_end(keys);
    assert_int_equal(envelope_write(&e, &text, out_size), 0);
    envelope_fini(&e);
    return text;
}

/* One added entry on an empty list, signed by clerk A. */
static UNUSED_OK char *simple_batch(const struct world *w, size_t *out_size)
{
    struct wanted_item item = item_make(1, "鲁H12345", 2);
    struct batch_plan plan = {.time = {T0_MS}, .added = &item, .added_count = 1};
    char *text = batch_text(w, &plan, out_size, WORLD_CLERK_A, WORLD_KEYS);
    item_free(&item);
    return text;
}
