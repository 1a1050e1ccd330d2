/*
 * See hqd.h. Opening, key set, freshness, inbox messages.
 */
#include "gateway/hq/hqd.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/file.h"
#include "gateway/base/log.h"
#include "gateway/signed/freshness.h"
#include "gateway/tls/est.h"
#include "gateway/tls/pem.h"

enum { KEY_FILE_MAX = 16 * 1024, PATH_SIZE = 4096 };

static int read_roots(const char *folder, struct root_keys *roots, struct err_text *err)
{
    DIR *dir = opendir(folder);
    int rc = 0;
    if (!dir)
        return err_set(err, ERR_NOT_FOUND, "%s: cannot be read", folder);
    for (struct dirent *entry; rc == 0 && (entry = readdir(dir));) {
        char path[PATH_SIZE];
        uint8_t *text = NULL;
        size_t size = 0;
        size_t length = strlen(entry->d_name);
        if (length < 4 || strcmp(entry->d_name + length - 4, ".pem") != 0)
            continue;
        (void)snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name); /* a cut one misses */
        rc = file_read(path, KEY_FILE_MAX, &text, &size, err);
        if (rc == 0 && (rc = root_keys_add_pem(roots, (const char *)text, size)) != 0)
            (void)err_set(err, rc, "%s: no root public key, or one too many", path);
        free(text);
    }
    (void)closedir(dir); /* was only read */
    if (rc == 0 && roots->count < ROOT_KEYS_NEEDED)
        rc = err_set(err, ERR_NOT_FOUND, "%s: %d root public keys, expected at least %d", folder,
                     roots->count, ROOT_KEYS_NEEDED);
    return rc;
}

static int read_key(const char *path, struct sign_key **out, struct err_text *err)
{
    uint8_t *text = NULL;
    size_t size = 0;
    int rc = tls_key_file_check(path, err);
    if (rc == 0)
        rc = file_read(path, KEY_FILE_MAX, &text, &size, err);
    if (rc != 0)
        return rc;
    rc = sign_key_from_pem((const char *)text, size, NULL, out);
    explicit_bzero(text, size);
    free(text);
    if (rc == 0 && sign_key_alg(*out) != KEY_ALG_ED25519)
        rc = ERR_UNSUPPORTED;
    return rc == 0 ? 0 : err_set(err, rc, "%s: no unencrypted Ed25519 private key", path);
}

static int read_keyset_file(struct hqd *hq, const char *path, struct err_text *err)
{
    uint8_t *text = NULL;
    size_t size = 0;
    int rc = file_read(path, ENVELOPE_SIZE_MAX, &text, &size, err);
    if (rc != 0)
        return rc;
    hq->keyset = calloc(1, sizeof(*hq->keyset));
    rc = hq->keyset ? keyset_verify(&hq->roots, text, size, hq->keyset, err) : ERR_NO_MEMORY;
    if (rc != 0)
        (void)err_prefix(err, rc, "%s", path);
    if (rc == 0 && hq->db.ops)
        rc = hq_db_exec(&hq->db,
                        "INSERT INTO documents(kind, version, body) VALUES('keyset', $1, $2)"
                        " ON CONFLICT DO NOTHING",
                        HQ_PARAMS(hq_int((int64_t)hq->keyset->version), hq_blob(text, size)), err);
    free(text);
    return rc;
}

/* The newest one held, when it is newer than the file's. */
static int read_keyset_held(struct hqd *hq, struct err_text *err)
{
    char *text = NULL;
    size_t size = 0;
    int rc = hq_db_bytes(&hq->db,
                         "SELECT body FROM documents WHERE kind = 'keyset'"
                         " ORDER BY version DESC LIMIT 1",
                         NULL, 0, &text, &size, err);
    if (rc != 0)
        return rc;
    struct keyset *held = calloc(1, sizeof(*held));
    rc = held ? keyset_verify(&hq->roots, text, size, held, err) : ERR_NO_MEMORY;
    free(text);
    if (rc != 0) {
        free(held);
        return err_prefix(err, rc, "key set in the database");
    }
    if (!hq->keyset || held->version > hq->keyset->version) {
        free(hq->keyset);
        hq->keyset = held;
    } else
        free(held);
    return 0;
}

static int read_cacerts(struct hqd *hq, const char *path, struct err_text *err)
{
    STACK_OF(X509) *roots = NULL;
    int rc = tls_file_certificates(path, &roots, err);
    if (rc == 0)
        rc = est_certificates_write(roots, &hq->cacerts);
    hq->box_roots = roots;
    return rc;
}

/* Both keys stand in the key set held. */
static int check_keys(const struct hqd *hq, const char *where, struct err_text *err)
{
    bool known = keyset_find(hq->keyset, KEY_ROLE_FRESHNESS, sign_key_id(hq->freshness_key)) &&
                 keyset_find(hq->keyset, KEY_ROLE_RECEIPT, sign_key_id(hq->receipt_key));
    return known ? 0
                 : err_set(err, ERR_DENIED,
                           "%s: freshness_key or receipt_key is not in this key set", where);
}

int hqd_take_files(struct hqd *hq, const struct hqd_options *o, struct err_text *err)
{
    struct hqd next = {.keyset = hq->keyset};
    int rc = read_key(o->freshness_key, &next.freshness_key, err);
    if (rc == 0)
        rc = read_key(o->receipt_key, &next.receipt_key, err);
    if (rc == 0)
        rc = check_keys(&next, "the key set in force", err);
    if (rc == 0)
        rc = read_cacerts(&next, o->box_root, err);
    if (rc == 0) {
        struct hqd before = {.freshness_key = hq->freshness_key,
                             .receipt_key = hq->receipt_key,
                             .cacerts = hq->cacerts,
                             .box_roots = hq->box_roots};
        hq->freshness_key = next.freshness_key;
        hq->receipt_key = next.receipt_key;
        hq->cacerts = next.cacerts;
        hq->box_roots = next.box_roots;
        next = before;
        hqd_renew_freshness(hq);
    }
    sign_key_free(next.freshness_key);
    sign_key_free(next.receipt_key);
    free(next.cacerts);
    sk_X509_pop_free(next.box_roots, X509_free);
    return rc;
}

static int read_files(const struct hqd_options *o, struct hqd *hq, struct err_text *err)
{
    int rc = read_roots(o->roots_folder, &hq->roots, err);
    if (rc == 0)
        rc = read_key(o->freshness_key, &hq->freshness_key, err);
    if (rc == 0)
        rc = read_key(o->receipt_key, &hq->receipt_key, err);
    if (rc == 0)
        rc = read_keyset_file(hq, o->keyset_file, err);
    if (rc == 0)
        rc = read_cacerts(hq, o->box_root, err);
    return rc;
}

int hqd_check(const struct hqd_options *options, struct err_text *err)
{
    struct hqd hq = {0};
    int rc = read_files(options, &hq, err);
    if (rc == 0)
        rc = check_keys(&hq, options->keyset_file, err);
    hqd_close(&hq);
    return rc;
}

int hqd_open(const struct hqd_options *options, struct hqd *out, struct err_text *err)
{
    struct hqd hq = {.clock = *options->clock,
                     .est_url = options->est_url,
                     .token_alone = options->token_alone,
                     .evidence_day_bytes = options->evidence_day_bytes,
                     .self_test_within_ms = options->self_test_within_ms};
    int rc = hq_db_open(options->database, &hq.db, err);
    if (rc == 0)
        rc = read_files(options, &hq, err);
    if (rc == 0)
        rc = read_keyset_held(&hq, err);
    if (rc == 0)
        rc = hqd_set_operators(&hq, options->operators, err);
    if (rc == 0)
        rc = hq_db_revision(&hq.db, &hq.seen, err); /* what changes from here on is seen later */
    if (rc == 0)
        rc = hqd_load_head(&hq, err);
    if (rc != 0) {
        hqd_close(&hq);
        return rc;
    }
    hqd_renew_freshness(&hq);
    *out = hq;
    return 0;
}

void hqd_close(struct hqd *hq)
{
    hq_db_close(&hq->db);
    sign_key_free(hq->freshness_key);
    sign_key_free(hq->receipt_key);
    free(hq->keyset);
    free(hq->freshness);
    free(hq->cacerts);
    sk_X509_pop_free(hq->box_roots, X509_free);
    *hq = (struct hqd){0};
}

static int take_head(void *ctx, const struct hq_value *columns, size_t count)
{
    struct list_head *head = ctx;
    if (count != 3 || columns[1].size != HASH_SIZE)
        return ERR_CORRUPT;
    head->revision = (uint64_t)columns[0].number;
    memcpy(head->hash, columns[1].data, HASH_SIZE);
    head->time.ms = columns[2].number;
    return 0;
}

int hqd_load_head(struct hqd *hq, struct err_text *err)
{
    struct list_head head = {0};
    int rc = hq_db_query(&hq->db,
                         "SELECT revision, hash, time_ms FROM batches"
                         " ORDER BY revision DESC LIMIT 1",
                         NULL, 0, take_head, &head, err);
    if (rc == 0)
        hq->head = head;
    return rc;
}

static int take_changes(struct hqd *hq, struct err_text *err)
{
    const struct list_head before = hq->head;
    const uint64_t keyset_version = hq->keyset->version;
    int64_t newest = 0;
    int rc = hq_db_number(&hq->db, "SELECT max(version) FROM documents WHERE kind = 'keyset'", NULL,
                          0, 0, &newest, err);
    if (rc == 0 && newest > (int64_t)keyset_version)
        rc = read_keyset_held(hq, err);
    if (rc == 0)
        rc = hqd_load_head(hq, err);
    if (rc == 0 && (before.revision != hq->head.revision ||
                    memcmp(before.hash, hq->head.hash, HASH_SIZE) != 0 ||
                    keyset_version != hq->keyset->version))
        hqd_renew_freshness(hq);
    return rc;
}

/* *out_woken: the topics whose waiting calls were run. */
static int refresh(struct hqd *hq, unsigned *out_woken, struct err_text *err)
{
    struct hq_db_revision now = {0};
    const struct hq_db_revision before = hq->seen;
    int rc = hq_db_revision(&hq->db, &now, err);
    if (rc == 0 && now.inbox != before.inbox)
        rc = take_changes(hq, err);
    if (rc != 0 && !hq->store_down)
        log_event(EVENT_HQ_STORE_FAULT, "reason=\"%s\"", err->text);
    hq->store_down = rc != 0;
    if (rc != 0)
        return rc;
    hq->seen = now;
    unsigned topics = (now.inbox != before.inbox ? (unsigned)HQ_TOPIC_INBOX : 0U) |
                      (now.hits != before.hits ? (unsigned)HQ_TOPIC_HITS : 0U);
    if (topics && hq->wake)
        hq->wake(hq->wake_ctx, topics);
    *out_woken = topics;
    return 0;
}

int hqd_refresh(struct hqd *hq, struct err_text *err)
{
    unsigned woken = 0;
    return refresh(hq, &woken, err);
}

int hqd_sign(struct envelope *e, const struct sign_key *key, char **out, size_t *out_size)
{
    int rc = envelope_sign(e, key);
    if (rc == 0)
        rc = envelope_write(e, out, out_size);
    envelope_fini(e);
    return rc;
}

static bool may_sign(const struct hqd *hq, enum key_role role, const struct sign_key *key,
                     struct wall_time now)
{
    const struct keyset_key *found = keyset_find(hq->keyset, role, sign_key_id(key));
    return found && keyset_key_valid(found, now);
}

void hqd_renew_freshness(struct hqd *hq)
{
    struct wall_time now = clock_wall(&hq->clock);
    struct freshness f = {.revision = hq->head.revision,
                          .time = now,
                          .valid_until = {now.ms + FRESHNESS_VALID_MAX_MS}};
    struct envelope e = {0};
    struct err_text err = {""};
    char *text = NULL;
    size_t size = 0;
    memcpy(f.hash, hq->head.hash, HASH_SIZE);
    int rc = may_sign(hq, KEY_ROLE_FRESHNESS, hq->freshness_key, now)
                 ? freshness_compose(&f, &e, &err)
                 : err_set(&err, ERR_DENIED, "the key set has no such key valid now");
    if (rc == 0)
        rc = hqd_sign(&e, hq->freshness_key, &text, &size);
    if (rc != 0 && !hq->freshness_missing)
        log_event(EVENT_HQ_NO_FRESHNESS, "reason=\"%s\"", err.text[0] ? err.text : err_name(rc));
    hq->freshness_missing = rc != 0;
    free(hq->freshness);
    hq->freshness = text;
    hq->freshness_time = now;
}

/* What was written here is seen here like what another hqd wrote, once. */
void hqd_wake(struct hqd *hq, unsigned topics)
{
    struct err_text err = {""};
    unsigned woken = 0;
    if (topics & ((unsigned)HQ_TOPIC_INBOX | (unsigned)HQ_TOPIC_HITS))
        if (refresh(hq, &woken, &err) != 0)
            woken = 0; /* told there; the next look tries again */
    if (hq->wake && topics & ~woken)
        hq->wake(hq->wake_ctx, topics & ~woken);
}

void hqd_noted(struct hqd *hq, int rc, const struct err_text *err)
{
    if (rc != 0 && !hq->notes_unwritten)
        log_event(EVENT_HQ_STORE_FAULT, "reason=\"%s\"", err->text[0] ? err->text : err_name(rc));
    hq->notes_unwritten = rc != 0;
}

int hqd_post(struct hqd *hq, const char *checkpoint, const char *kind, const char *body,
             size_t size, struct wall_time now, struct wall_time expires, struct err_text *err)
{
    int rc = hq_db_change(&hq->db, HQ_DB_CHANGE_INBOX, err);
    if (rc == 0 && !checkpoint)
        rc = hq_db_exec(&hq->db, "DELETE FROM inbox WHERE checkpoint IS NULL AND kind = $1",
                        HQ_PARAMS(hq_text(kind)), err);
    if (rc == 0)
        rc = hq_db_exec(&hq->db,
                        "INSERT INTO inbox(checkpoint, kind, body, created_ms, expires_ms)"
                        " VALUES($1, $2, $3, $4, $5)",
                        HQ_PARAMS(hq_text(checkpoint), hq_text(kind), hq_blob(body, size),
                                  hq_int(now.ms), hq_int(expires.ms)),
                        err);
    return rc;
}
