/*
 * One good statement of every type, who signs it and who verifies it, for tests that must leave
 * none out: a type of envelope.h without a row here fails them.
 */
#pragma once

#include "gateway/signed/exempt_list.h"
#include "gateway/signed/freshness.h"
#include "gateway/signed/instruction.h"
#include "gateway/signed/match_policy.h"
#include "gateway/signed/receipt.h"
#include "gateway/signed/retention_terms.h"
#include "gateway/signed/snapshot.h"
#include "gateway/signed/spool.h"
#include "gateway/signed/standing.h"
#include "signed_builder.h"

struct statement_row {
    int signers; /* of its role, different holders */
    int (*compose)(const struct world *w, struct envelope *out, struct err_text *err);
    int (*verify)(const struct world *w, const char *text, size_t size, struct err_text *err);
};

static int compose_keyset(const struct world *w, struct envelope *out, struct err_text *err)
{
    struct keyset set;
    world_fill_set(w, &set, 1);
    return keyset_compose(&set, out, err);
}

static int verify_keyset(const struct world *w, const char *text, size_t size, struct err_text *err)
{
    struct keyset set;
    return keyset_verify(&w->roots, text, size, &set, err);
}

/* Of priority 1: it needs both clerks. */
static int compose_batch(const struct world *w, struct envelope *out, struct err_text *err)
{
    (void)w;
    struct wanted_item item = item_make(1, "鲁H12345", 1);
    struct batch_plan plan = {.time = {T0_MS}, .added = &item, .added_count = 1};
    int rc = batch_compose(&plan, out, err);
    item_free(&item);
    return rc;
}

static int verify_batch(const struct world *w, const char *text, size_t size, struct err_text *err)
{
    struct batch batch;
    int rc = batch_verify(&w->set, text, size, &batch, err);
    if (rc == 0)
        batch_fini(&batch);
    return rc;
}

/* One chunk with an entry of priority 1; its stored bytes are the caller's to free. */
static int compose_snapshot_of(struct envelope *out, uint8_t **out_stored, struct err_text *err)
{
    struct wanted_item item = item_make(1, "鲁H12345", 1);
    struct snapshot_chunk chunk;
    size_t used = 0;
    ok(snapshot_write_chunk(&item, 1, CHUNK_ZSTD, &chunk, out_stored, &used), err);
    item_free(&item);
    struct snapshot s = {.revision = 5,
                         .hash = {1},
                         .time = {T0_MS},
                         .entry_count = 1,
                         .max_id = 1,
                         .chunk_count = 1,
                         .chunks = &chunk};
    return snapshot_compose(&s, out, err);
}

static int compose_snapshot(const struct world *w, struct envelope *out, struct err_text *err)
{
    (void)w;
    uint8_t *stored = NULL;
    int rc = compose_snapshot_of(out, &stored, err);
    free(stored);
    return rc;
}

/* Manifest and the one chunk, as a box reads them: nothing is in force before the end says so. */
static int read_snapshot(const struct world *w, const char *text, size_t size,
                         const uint8_t *stored, size_t stored_size, struct err_text *err)
{
    struct snapshot s;
    struct snapshot_reader reader;
    struct snapshot_part part = {0};
    int rc = snapshot_verify(&w->set, text, size, &s, err);
    if (rc != 0)
        return rc;
    snapshot_read_begin(&reader, &s);
    rc = snapshot_read_chunk(&reader, stored, stored_size ? stored_size : s.chunks[0].size_bytes,
                             false, &part, err);
    if (rc == 0) {
        snapshot_part_fini(&part);
        rc = snapshot_read_end(&reader, err);
    }
    snapshot_fini(&s);
    return rc;
}

static int verify_snapshot(const struct world *w, const char *text, size_t size,
                           struct err_text *err)
{
    struct envelope e = {0};
    uint8_t *stored = NULL;
    ok(compose_snapshot_of(&e, &stored, err), err);
    envelope_fini(&e);
    int rc = read_snapshot(w, text, size, stored, 0, err);
    free(stored);
    return rc;
}

static int compose_freshness(const struct world *w, struct envelope *out, struct err_text *err)
{
    (void)w;
    struct freshness f = {.revision = 7,
                          .hash = {1, 2, 3},
                          .time = {T0_MS},
                          .valid_until = {T0_MS + FRESHNESS_VALID_MAX_MS}};
    return freshness_compose(&f, out, err);
}

static int verify_freshness(const struct world *w, const char *text, size_t size,
                            struct err_text *err)
{
    struct freshness f;
    return freshness_verify(&w->set, text, size, &f, err);
}

static int compose_receipt(const struct world *w, struct envelope *out, struct err_text *err)
{
    (void)w;
    struct receipt r = {
        .checkpoint = "lu-hz-01", .chain = {4, 5}, .sequence = 9, .head = {6}, .time = {T0_MS}};
    return receipt_compose(&r, out, err);
}

static int verify_receipt(const struct world *w, const char *text, size_t size,
                          struct err_text *err)
{
    struct receipt r;
    return receipt_verify(&w->set, text, size, &r, err);
}

static int compose_instruction(const struct world *w, struct envelope *out, struct err_text *err)
{
    (void)w;
    json_t *body = json_pack("{s:s}", "text", "look out");
    struct instruction i = {.id = 3,
                            .checkpoint = "lu-hz-01",
                            .kind = "message",
                            .time = {T0_MS},
                            .expires = {T0_MS + 60000},
                            .body = body};
    int rc = instruction_compose(&i, out, err);
    json_decref(body);
    return rc;
}

static int verify_instruction(const struct world *w, const char *text, size_t size,
                              struct err_text *err)
{
    struct instruction i = {0};
    int rc = instruction_verify(&w->set, text, size, &i, err);
    if (rc == 0)
        instruction_fini(&i);
    return rc;
}

static int compose_policy(const struct world *w, struct envelope *out, struct err_text *err)
{
    (void)w;
    static const char text[] = "alphabet cn\n0 D 12\n";
    struct match_policy policy = {.version = 1,
                                  .time = {T0_MS},
                                  .fleet = "lu-hz",
                                  .false_alerts = 3,
                                  .traffic = 1200,
                                  .look_alike_max = 1,
                                  .channel_count = 1,
                                  .channels = {{"cn", text, sizeof(text) - 1}}};
    return match_policy_compose(&policy, out, err);
}

static int verify_policy(const struct world *w, const char *text, size_t size, struct err_text *err)
{
    struct match_policy policy;
    int rc = match_policy_verify(&w->set, text, size, &policy, err);
    if (rc == 0)
        match_policy_fini(&policy);
    return rc;
}

static int compose_exempt(const struct world *w, struct envelope *out, struct err_text *err)
{
    (void)w;
    struct exempt_list head = {.revision = 7, .last_id = 9, .time = {T0_MS}, .fleet = "lu-hz"};
    json_t *entries = json_pack("[{s:i,s:s,s:s,s:s,s:s,s:s,s:s,s:s}]", "id", 3, "plate", "鲁H12345",
                                "class", "02", "kind", "ambulance", "authority", "急救中心",
                                "approver", "王五", "valid_from", "2026-11-01T00:00:00.000Z",
                                "valid_until", "2027-11-01T00:00:00.000Z");
    int rc = exempt_list_compose(&head, entries, out, err);
    json_decref(entries);
    return rc;
}

static int verify_exempt(const struct world *w, const char *text, size_t size, struct err_text *err)
{
    struct exempt_list list;
    int rc = exempt_list_verify(&w->set, text, size, &list, err);
    if (rc == 0)
        exempt_list_fini(&list);
    return rc;
}

static int compose_standing(const struct world *w, struct envelope *out, struct err_text *err)
{
    (void)w;
    struct standing_answer a = {.checkpoint = "lu-hz-01",
                                .chain = {4, 5},
                                .sequence = 9,
                                .entry = 1,
                                .revision = 7,
                                .standing = STANDING_STANDS,
                                .time = {T0_MS}};
    return standing_compose(&a, out, err);
}

static int verify_standing(const struct world *w, const char *text, size_t size,
                           struct err_text *err)
{
    struct standing_answer a;
    return standing_verify(&w->set, text, size, &a, err);
}

static int compose_spool(const struct world *w, struct envelope *out, struct err_text *err)
{
    (void)w;
    json_t *messages = json_pack("[{s:i,s:s}]", "number", 5, "kind", "list");
    struct spool_answer a = {.checkpoint = "lu-hz-01",
                             .spool = 3,
                             .held = {9, 2},
                             .after = 4,
                             .next = 5,
                             .time = {T0_MS},
                             .messages = messages};
    int rc = spool_answer_compose(&a, out, err);
    json_decref(messages);
    return rc;
}

static int verify_spool(const struct world *w, const char *text, size_t size, struct err_text *err)
{
    struct spool_answer a;
    int rc = spool_answer_verify(&w->set, text, size, &a, err);
    if (rc == 0)
        json_decref(a.messages);
    return rc;
}

static int compose_terms(const struct world *w, struct envelope *out, struct err_text *err)
{
    (void)w;
    struct retention_hold hold = {
        .case_number = "A3717", .begun_by = "zhang", .begun = {T0_MS}, .entry = 7};
    struct retention_terms t = {.version = 1,
                                .time = {T0_MS},
                                .fleet = "lu-hz",
                                .plate_key = {1, 2, 3},
                                .hold_count = 1,
                                .holds = &hold};
    return retention_terms_compose(&t, out, err);
}

static int verify_terms(const struct world *w, const char *text, size_t size, struct err_text *err)
{
    struct retention_terms t;
    int rc = retention_terms_verify(&w->set, text, size, &t, err);
    if (rc == 0)
        retention_terms_fini(&t);
    return rc;
}

/* From the world's three roots to two of them. */
static int compose_roots(const struct world *w, struct envelope *out, struct err_text *err)
{
    struct root_change change = {.fleet = "lu-hz", .version = 1, .time = {T0_MS}, .keys = w->roots};
    change.keys.count = 2;
    return root_change_compose(&change, out, err);
}

static int verify_roots(const struct world *w, const char *text, size_t size, struct err_text *err)
{
    struct root_keys roots = w->roots;
    struct root_changes changes;
    json_t *list = json_array();
    json_t *item = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
    int rc = item && json_array_append_new(list, item) == 0
                 ? root_changes_follow(&roots, "lu-hz", list, &changes, err)
                 : ERR_INVALID;
    json_decref(list);
    return rc;
}

static const struct statement_row every_statement[] = {
    [STATEMENT_KEYSET] = {ROOT_KEYS_NEEDED, compose_keyset, verify_keyset},
    [STATEMENT_BATCH] = {2, compose_batch, verify_batch},
    [STATEMENT_SNAPSHOT] = {2, compose_snapshot, verify_snapshot},
    [STATEMENT_FRESHNESS] = {1, compose_freshness, verify_freshness},
    [STATEMENT_RECEIPT] = {1, compose_receipt, verify_receipt},
    [STATEMENT_INSTRUCTION] = {1, compose_instruction, verify_instruction},
    [STATEMENT_MATCH_POLICY] = {MATCH_POLICY_CLERKS, compose_policy, verify_policy},
    [STATEMENT_EXEMPT_LIST] = {EXEMPT_CLERKS, compose_exempt, verify_exempt},
    [STATEMENT_STANDING] = {1, compose_standing, verify_standing},
    [STATEMENT_RETENTION_TERMS] = {RETENTION_CLERKS, compose_terms, verify_terms},
    [STATEMENT_SPOOL_ANSWER] = {1, compose_spool, verify_spool},
    [STATEMENT_ROOTS] = {ROOT_KEYS_NEEDED, compose_roots, verify_roots},
};
enum { EVERY_STATEMENT = sizeof(every_statement) / sizeof(every_statement[0]) };

/* The next type that envelope.h names, for a loop over all; fails when one has no row. Numbers may
 * be left out between. */
static bool statement_next(enum statement_type *type)
{
    enum { NUMBERS = 64 };
    int next = (int)*type + 1;
    while (next < NUMBERS && !statement_type_name((enum statement_type)next))
        next++;
    if (next == NUMBERS)
        return false;
    if (next >= EVERY_STATEMENT || !every_statement[next].verify)
        fail_msg("%s has no row in every_statement.h",
                 statement_type_name((enum statement_type)next));
    *type = (enum statement_type)next;
    return true;
}

/* The keys of a role in the world, `index` from 0, of different holders; NULL: no more. */
static struct sign_key *key_of_role(const struct world *w, enum key_role role, int index)
{
    if (role == KEY_ROLE_ROOT)
        return index < 3 ? w->root[index] : NULL;
    for (int i = 0; i < WORLD_KEYS; i++)
        if (i != WORLD_CLERK_A_SPARE && world_roles[i].role == role && index-- == 0)
            return w->key[i];
    return NULL;
}

static char *text_of(struct envelope *e, size_t *out_size)
{
    char *text = NULL;
    assert_int_equal(envelope_write(e, &text, out_size), 0);
    envelope_fini(e);
    return text;
}

/* A good one. */
static UNUSED_OK char *statement_text(const struct world *w, enum statement_type type,
                                      size_t *out_size)
{
    struct envelope e = {0};
    struct err_text err = {0};
    ok(every_statement[type].compose(w, &e, &err), &err);
    for (int i = 0; i < every_statement[type].signers; i++)
        ok(envelope_sign(&e, key_of_role(w, statement_role(type), i)), &err);
    return text_of(&e, out_size);
}
