/*
 * Signed statements. The first byte chooses: 0 takes the rest as an envelope off the wire under a
 * real key set; others take it as the payload of one statement type, signed here by the right keys,
 * so that the fields behind the signature are reached. What verifies must keep what its header
 * promises.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/pem.h>

#include "gateway/signed/batch.h"
#include "gateway/signed/exempt_list.h"
#include "gateway/signed/freshness.h"
#include "gateway/signed/instruction_task.h"
#include "gateway/signed/match_policy.h"
#include "gateway/signed/retention_terms.h"
#include "gateway/signed/snapshot.h"
#include "gateway/signed/spool.h"
#include "gateway/signed/standing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { KEYS = 7, SEED_SIZE = 32 };
static const int64_t T0_MS = 1795392000000; /* 2026-11-23T00:00:00Z */

static struct sign_key *keys[KEYS]; /* 0, 1 roots; 2, 3 clerks; the servers'; the duty officer's */
static struct root_keys roots;
static struct keyset set;
static char *set_text;
static size_t set_size;

/* A key that is the same in every run and stands in no file. */
static struct sign_key *fixed_key(int number)
{
    uint8_t seed[SEED_SIZE];
    struct sign_key *key = NULL;
    char *pem = NULL;
    memset(seed, number + 1, sizeof(seed));
    EVP_PKEY *raw = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, sizeof(seed));
    BIO *bio = BIO_new(BIO_s_mem());
    int written = PEM_write_bio_PKCS8PrivateKey(bio, raw, NULL, NULL, 0, NULL, NULL);
    assert(written == 1);
    long length = BIO_get_mem_data(bio, &pem);
    int result = sign_key_from_pem(pem, (size_t)length, NULL, &key);
    assert(result == 0);
    BIO_free(bio);
    EVP_PKEY_free(raw);
    return key;
}

static void add_key(enum key_role role, int number, const char *holder)
{
    struct keyset_key *key = &set.keys[set.key_count++];
    *key = (struct keyset_key){.role = role, .alg = KEY_ALG_ED25519};
    memcpy(key->id, sign_key_id(keys[number]), KEY_ID_SIZE);
    memcpy(key->public_key, sign_key_public(keys[number]), PUBLIC_KEY_SIZE);
    memcpy(key->holder, holder, strlen(holder) + 1);
    key->not_before.ms = 0;
    key->not_after.ms = 2 * T0_MS;
}

static void open_once(void)
{
    struct envelope e;
    if (set_text)
        return;
    for (int i = 0; i < KEYS; i++)
        keys[i] = fixed_key(i);
    for (int i = 0; i < 2; i++) {
        char *pem = NULL;
        int result = public_key_to_pem(KEY_ALG_ED25519, sign_key_public(keys[i]), &pem);
        result = result == 0 ? root_keys_add_pem(&roots, pem, strlen(pem)) : result;
        assert(result == 0);
        free(pem);
    }
    set = (struct keyset){.version = 1, .time = {T0_MS}, .fleet = "lu-hz"};
    add_key(KEY_ROLE_LIST, 2, "clerk A");
    add_key(KEY_ROLE_LIST, 3, "clerk B");
    add_key(KEY_ROLE_FRESHNESS, 4, "hqd");
    add_key(KEY_ROLE_RECEIPT, 5, "hqd");
    add_key(KEY_ROLE_INSTRUCTION, 6, "duty officer");
    int result = keyset_compose(&set, &e, NULL);
    for (int i = 0; i < 2 && result == 0; i++)
        result = envelope_sign(&e, keys[i]);
    result = result == 0 ? envelope_write(&e, &set_text, &set_size) : result;
    assert(result == 0);
    envelope_fini(&e);
    result = keyset_verify(&roots, set_text, set_size, &set, NULL);
    assert(result == 0);
}

static void take_keyset(const void *text, size_t size)
{
    static struct keyset found;
    struct err_text err = {""};
    if (keyset_verify(&roots, text, size, &found, &err) != 0) {
        assert(err.text[0]);
        return;
    }
    assert(found.key_count >= 0 && found.key_count <= KEYSET_KEYS_MAX && found.version > 0);
    for (int i = 0; i < found.key_count; i++)
        assert(memchr(found.keys[i].holder, '\0', sizeof(found.keys[i].holder)));
    int newer = keyset_check_newer(&set, &found, &err);
    assert(newer == 0 || found.version <= set.version);
}

static void take_batch(const void *text, size_t size)
{
    struct batch batch;
    struct err_text err = {""};
    if (batch_verify(&set, text, size, &batch, &err) != 0) {
        assert(err.text[0]);
        return;
    }
    assert(batch.added_count + batch.changed_count <= BATCH_ENTRIES_MAX);
    assert(batch.withdrawn_count <= BATCH_WITHDRAWN_MAX);
    assert(!batch_needs_two(&batch) || batch.clerk_count >= 2);
    for (size_t i = 0; i < batch.added_count + batch.changed_count; i++) {
        const struct wanted_item *item = &batch.items[i];
        const uint8_t *at = (const uint8_t *)item->text;
        assert(at >= batch.payload &&
               at + item->record.text_size <= batch.payload + batch.payload_size);
    }
    batch_fini(&batch);
}

static void take_snapshot(const void *text, size_t size)
{
    struct snapshot snapshot;
    struct err_text err = {""};
    if (snapshot_verify(&set, text, size, &snapshot, &err) != 0) {
        assert(err.text[0]);
        return;
    }
    assert(snapshot.chunk_count <= SNAPSHOT_CHUNKS_MAX);
    for (size_t i = 0; i < snapshot.chunk_count; i++)
        assert(snapshot.chunks[i].size_bytes <= SNAPSHOT_CHUNK_MAX &&
               snapshot.chunks[i].raw_size_bytes <= SNAPSHOT_CHUNK_RAW_MAX);
    snapshot_fini(&snapshot);
}

static void check_task(const struct instruction_task *task)
{
    assert(task->kind >= INSTRUCTION_MESSAGE && task->kind <= INSTRUCTION_AGREE);
    if (task->kind != INSTRUCTION_AGREE)
        return;
    assert(instruction_question_name(task->question));
    assert(task->subject >= 1 && task->subject <= INT64_MAX);
    assert(task->note && strlen(task->note) >= 1 && strlen(task->note) <= INSTRUCTION_REASON_MAX);
}

static void take_small(const void *text, size_t size)
{
    struct freshness freshness;
    struct receipt receipt;
    struct instruction instruction;
    struct instruction_task task;
    struct standing_answer standing;
    struct err_text err = {""};
    if (freshness_verify(&set, text, size, &freshness, &err) == 0)
        assert(freshness.valid_until.ms - freshness.time.ms <= FRESHNESS_VALID_MAX_MS);
    if (receipt_verify(&set, text, size, &receipt, &err) == 0)
        assert(checkpoint_id_good(receipt.checkpoint) && receipt.sequence > 0);
    if (standing_verify(&set, text, size, &standing, &err) == 0)
        assert(checkpoint_id_good(standing.checkpoint) && standing.sequence > 0 &&
               standing.entry > 0 && standing_name(standing.standing));
    if (instruction_verify(&set, text, size, &instruction, &err) == 0) {
        assert(json_is_object(instruction.body) && instruction.id > 0);
        assert(memchr(instruction.kind, '\0', sizeof(instruction.kind)));
        if (instruction_read_task(&instruction, &task, &err) == 0)
            check_task(&task);
        instruction_fini(&instruction);
    }
}

static void take_spool(const void *text, size_t size)
{
    static struct spool_manifest manifest; /* large */
    struct spool_answer answer;
    struct err_text err = {""};
    if (spool_answer_verify(&set, text, size, &answer, &err) == 0) {
        assert(checkpoint_id_good(answer.checkpoint) && answer.next >= answer.after);
        assert(json_is_array(answer.messages));
        json_decref(answer.messages);
    }
    if (spool_manifest_read(text, size, &manifest, &err) != 0)
        return;
    assert(manifest.file_count <= SPOOL_FILES_MAX &&
           manifest.places[0].confirmed <= manifest.places[0].recorded);
    for (size_t i = 0; i < manifest.file_count; i++)
        assert(!strchr(manifest.files[i].name, '/') && manifest.files[i].name[0] != '.');
}

static void take_policy(const void *text, size_t size)
{
    struct match_policy policy;
    struct err_text err = {""};
    if (match_policy_verify(&set, text, size, &policy, &err) != 0) {
        assert(err.text[0]);
        return;
    }
    assert(policy.version > 0 && policy.false_alerts > 0 && policy.clerk_count >= 2);
    assert(policy.look_alike_max <= MATCH_POLICY_LOOK_ALIKE_MAX);
    for (size_t i = 0; i < policy.channel_count; i++) {
        const uint8_t *at = (const uint8_t *)policy.channels[i].text;
        assert(at >= policy.payload &&
               at + policy.channels[i].size_bytes <= policy.payload + policy.payload_size);
    }
    match_policy_fini(&policy);
}

/* What a box makes of it: each entry is found while it is in force, and not beyond. */
static void use_exempt(struct exempt_list *list)
{
    exempt_list_narrow(list, "lu-hz-01");
    for (size_t i = 0; i < list->entry_count; i++) {
        const struct exempt_entry *e = &list->entries[i];
        assert(!plate_has_unread(e->key) && e->class != PLATE_CLASS_ANY && e->kind < EXEMPT_KINDS);
        assert(e->valid_until.ms - list->time.ms <= EXEMPT_DAYS_MAX * (int64_t)24 * 3600 * 1000);
        assert(exempt_list_find(list, e->key, e->class, e->valid_from) == e);
        assert(!exempt_list_find(list, e->key, e->class, e->valid_until));
    }
}

static void take_exempt(const void *text, size_t size)
{
    struct exempt_list list;
    struct err_text err = {""};
    if (exempt_list_verify(&set, text, size, &list, &err) != 0) {
        assert(err.text[0]);
        return;
    }
    assert(list.revision > 0 && list.entry_count <= EXEMPT_ENTRIES_MAX && list.clerk_count >= 2);
    use_exempt(&list);
    exempt_list_fini(&list);
}

static void take_retention(const void *text, size_t size)
{
    static const char body[] = "{\"entry\":7,\"lane\":2,\"plate\":\"鲁H12345\"}";
    struct retention_terms terms;
    struct err_text err = {""};
    if (retention_terms_verify(&set, text, size, &terms, &err) != 0) {
        assert(err.text[0]);
        return;
    }
    assert(terms.version > 0 && terms.term_count <= RETENTION_TERMS_MAX);
    assert(terms.hold_count <= RETENTION_HOLDS_MAX && terms.clerk_count >= 2);
    for (enum retention_kind kind = 0; kind < RETENTION_KINDS; kind++) {
        const struct retention_bounds b = retention_terms_bounds(&terms, kind, terms.time);
        uint32_t days = retention_terms_days(&terms, kind, RETENTION_DEFAULT_DAYS, terms.time);
        assert(b.floor_days >= RETENTION_DAYS_MIN && b.floor_days <= days);
        assert(days <= b.ceiling_days && b.ceiling_days <= RETENTION_DAYS_MAX);
    }
    retention_holds_narrow(&terms, "lu-hz-01");
    bool held = retention_holds_cover(&terms, terms.time, body, sizeof(body) - 1);
    assert(!held || terms.hold_count > 0);
    retention_terms_fini(&terms);
}

static void take_all(const void *text, size_t size)
{
    take_keyset(text, size);
    take_batch(text, size);
    take_snapshot(text, size);
    take_small(text, size);
    take_policy(text, size);
    take_exempt(text, size);
    take_spool(text, size);
    take_retention(text, size);
}

static void take_envelope(const uint8_t *data, size_t size)
{
    struct envelope e;
    struct envelope again;
    char *text = NULL;
    size_t text_size = 0;
    if (envelope_parse(data, size, &e, NULL) != 0)
        return;
    int result = envelope_write(&e, &text, &text_size);
    assert(result == 0);
    result = envelope_parse(text, text_size, &again, NULL);
    assert(result == 0 && again.payload_size == e.payload_size &&
           memcmp(again.payload, e.payload, e.payload_size) == 0);
    free(text);
    envelope_fini(&again);
    envelope_fini(&e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct {
        enum statement_type type;
        int first;
        int last;
    } signers[] = {{STATEMENT_KEYSET, 0, 1},          {STATEMENT_BATCH, 2, 3},
                   {STATEMENT_BATCH, 2, 2},           {STATEMENT_SNAPSHOT, 2, 3},
                   {STATEMENT_FRESHNESS, 4, 4},       {STATEMENT_RECEIPT, 5, 5},
                   {STATEMENT_INSTRUCTION, 6, 6},     {STATEMENT_MATCH_POLICY, 2, 3},
                   {STATEMENT_EXEMPT_LIST, 2, 3},     {STATEMENT_STANDING, 4, 4},
                   {STATEMENT_RETENTION_TERMS, 2, 3}, {STATEMENT_SPOOL_ANSWER, 5, 5}};
    enum { WAYS = sizeof(signers) / sizeof(signers[0]) };
    struct envelope e;
    char *text = NULL;
    size_t text_size = 0;
    open_once();
    if (size < 1)
        return 0;
    int way = data[0] % (WAYS + 1);
    if (way == 0) {
        take_envelope(data + 1, size - 1);
        take_all(data + 1, size - 1);
        return 0;
    }
    if (envelope_init(&e, signers[way - 1].type, data + 1, size - 1) != 0)
        return 0;
    int result = 0;
    for (int i = signers[way - 1].first; i <= signers[way - 1].last && result == 0; i++)
        result = envelope_sign(&e, keys[i]);
    result = result == 0 ? envelope_write(&e, &text, &text_size) : result;
    assert(result == 0);
    take_all(text, text_size);
    free(text);
    envelope_fini(&e);
    return 0;
}
