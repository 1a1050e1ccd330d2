/*
 * Builders for the tests of gateway/wanted: a chain of signed batches that goes on from itself,
 * snapshots of it, statements, a temp folder with root keys. Keys are made anew in every run.
 */
#pragma once

#include "tests/unit/gateway/signed/signed_builder.h"

#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/base/file.h"
#include "gateway/wanted/list.h"

struct chain {
    struct world *world;
    struct list_head head;
};

struct text {
    char *data;
    size_t size;
};

static UNUSED_OK void text_free(struct text *t)
{
    free(t->data);
    *t = (struct text){0};
}

/* One batch: entry `add` with that priority (0: none), entry `change` to priority 3 (0: none) and
 * `withdraw` (0: none), behind `head`, by the keys of the mask. */
struct step {
    uint64_t add;
    int priority; /* of `add`; 0 = 2 */
    uint64_t change;
    uint64_t withdraw;
    int keys_mask; /* 1 << enum world_key; 0 = both clerks */
    int64_t at_ms; /* 0 = T0_MS */
};

static UNUSED_OK struct text batch_after(const struct world *w, const struct list_head *head,
                                         struct step step)
{
    struct err_text err = {0};
    struct envelope e;
    struct text out = {0};
    struct wanted_item added =
        item_make(step.add ? step.add : 1, "鲁H12345", step.priority ? step.priority : 2);
    struct wanted_item changed = item_make(step.change ? step.change : 1, "鲁H54321", 3);
    struct batch_plan plan = {.head = *head,
                              .time = {step.at_ms ? step.at_ms : T0_MS},
                              .added = &added,
                              .added_count = step.add ? 1 : 0,
                              .changed = &changed,
                              .changed_count = step.change ? 1 : 0,
                              .withdrawn = &step.withdraw,
                              .withdrawn_count = step.withdraw ? 1 : 0};
    int mask = step.keys_mask ? step.keys_mask : 1 << WORLD_CLERK_A | 1 << WORLD_CLERK_B;
    ok(batch_compose(&plan, &e, &err), &err);
    for (int key = 0; key < WORLD_KEYS; key++) {
        if (mask & 1 << key) {
            assert_int_equal(envelope_sign(&e, w->key[key]), 0);
        }
    }
    assert_int_equal(envelope_write(&e, &out.data, &out.size), 0);
    envelope_fini(&e);
    item_free(&added);
    item_free(&changed);
    return out;
}

/* The next batch; the chain goes on behind it. */
static UNUSED_OK struct text chain_next(struct chain *c, struct step step)
{
    struct err_text err = {0};
    struct envelope e = {0};
    struct batch b;
    struct text text = batch_after(c->world, &c->head, step);
    ok(envelope_parse(text.data, text.size, &e, &err), &err);
    ok(batch_parse(e.payload, e.payload_size, &b, &err), &err);
    c->head = (struct list_head){.revision = b.revision, .time = b.time};
    memcpy(c->head.hash, b.hash, HASH_SIZE);
    batch_fini(&b);
    envelope_fini(&e);
    return text;
}

static UNUSED_OK struct text sign_with(struct envelope *e, const struct sign_key *key)
{
    struct text out = {0};
    assert_int_equal(envelope_sign(e, key), 0);
    assert_int_equal(envelope_write(e, &out.data, &out.size), 0);
    envelope_fini(e);
    return out;
}

/* "Still current" of a head, from `at_ms` for an hour, by a key of the world. */
static UNUSED_OK struct text statement_of(const struct world *w, const struct list_head *head,
                                          int64_t at_ms, enum world_key key)
{
    struct err_text err = {0};
    struct envelope e;
    struct freshness f = {
        .revision = head->revision, .time = {at_ms}, .valid_until = {at_ms + 3600 * 1000}};
    memcpy(f.hash, head->hash, HASH_SIZE);
    ok(freshness_compose(&f, &e, &err), &err);
    return sign_with(&e, w->key[key]);
}

/* A snapshot of what the list holds: manifest by both clerks and up to one chunk. */
struct shot {
    struct text manifest;
    uint8_t *chunk;
    size_t chunk_size;
};

static UNUSED_OK struct shot shot_of(const struct world *w, const struct wanted_list *list)
{
    struct err_text err = {0};
    struct shot out = {0};
    struct envelope e;
    struct snapshot_chunk row = {0};
    size_t count = wanted_list_count(list);
    size_t used = 0;
    struct wanted_cursor cursor = {0};
    struct wanted_item *items = calloc(count + 1, sizeof(*items));
    assert_non_null(items);
    for (size_t i = 0; i < count; i++) {
        const struct wanted_entry *entry = wanted_list_next(list, &cursor);
        assert_non_null(entry);
        items[i] = (struct wanted_item){entry->match.record, entry->match.text};
    }
    assert_int_equal(snapshot_write_chunk(items, count, CHUNK_ZSTD, &row, &out.chunk, &used), 0);
    assert_int_equal(used, count);
    out.chunk_size = row.size_bytes;
    struct snapshot s = {.revision = wanted_list_head(list)->revision,
                         .time = {T0_MS + 5000},
                         .entry_count = count,
                         .max_id = 1000 * 1000,
                         .chunk_count = 1,
                         .chunks = &row};
    memcpy(s.hash, wanted_list_head(list)->hash, HASH_SIZE);
    ok(snapshot_compose(&s, &e, &err), &err);
    assert_int_equal(envelope_sign(&e, w->key[WORLD_CLERK_A]), 0);
    out.manifest = sign_with(&e, w->key[WORLD_CLERK_B]);
    free(items);
    return out;
}

static UNUSED_OK void shot_free(struct shot *s)
{
    text_free(&s->manifest);
    free(s->chunk);
    *s = (struct shot){0};
}

static UNUSED_OK int shot_source(void *ctx, uint64_t revision, size_t index, uint8_t **out,
                                 size_t *out_size, struct err_text *err)
{
    const struct shot *s = ctx;
    (void)revision;
    (void)err;
    assert_int_equal(index, 0);
    *out = malloc(s->chunk_size);
    assert_non_null(*out);
    memcpy(*out, s->chunk, s->chunk_size);
    *out_size = s->chunk_size;
    return ERR_OK;
}

static UNUSED_OK struct wanted_list *list_with_keys(const struct world *w)
{
    struct err_text err = {0};
    struct wanted_list *list = NULL;
    assert_int_equal(wanted_list_create(&w->roots, &list), 0);
    ok(wanted_list_set_keyset(list, w->keyset_text, w->keyset_size, &err), &err);
    return list;
}

static UNUSED_OK void list_take(struct wanted_list *list, struct text text)
{
    struct err_text err = {0};
    ok(wanted_list_apply_batch(list, text.data, text.size, &err), &err);
    text_free(&text);
}

/* Changes one byte of the payload's base64 text so that it stays base64. */
static UNUSED_OK void alter(struct text *t)
{
    char *at = strstr(t->data, "\"payload\":\"");
    assert_non_null(at);
    at += strlen("\"payload\":\"") + 40;
    *at = *at == 'A' ? 'B' : 'A';
}

/* ---- folders ---- */

static UNUSED_OK char *folder_make(void)
{
    char *path = strdup("/tmp/wanted-XXXXXX");
    assert_non_null(path);
    assert_non_null(mkdtemp(path));
    return path;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *where)
{
    (void)st;
    (void)kind;
    (void)where;
    return remove(path);
}

static UNUSED_OK void folder_remove(char *path)
{
    (void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS); /* /tmp keeps what stays */
    free(path);
}

/* The world's roots as a box has them; returns `folder`/roots in `out`. */
static UNUSED_OK void roots_write(const struct world *w, const char *folder, char out[128])
{
    (void)snprintf(out, 128, "%s/roots", folder);
    assert_int_equal(mkdir(out, 0755), 0);
    for (int i = 0; i < 3; i++) {
        struct err_text err = {0};
        char path[160];
        char *pem = NULL;
        (void)snprintf(path, sizeof(path), "%s/root-%d.pub.pem", out, i + 1);
        assert_int_equal(public_key_to_pem(KEY_ALG_ED25519, sign_key_public(w->root[i]), &pem), 0);
        ok(file_write_atomic(path, pem, strlen(pem), 0644, &err), &err);
        free(pem);
    }
}
