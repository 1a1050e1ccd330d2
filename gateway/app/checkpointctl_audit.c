/*
 * The journal looked at from outside: verified, read-only, beside a running checkpointd or without
 * one; its last seal exported as an anchor for later. What no chain can show by itself, a tail cut
 * off, is only as good as the anchor, and the answer says so.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/app/checkpointctl.h"
#include "gateway/app/key_files.h"
#include "gateway/base/encode.h"
#include "gateway/base/file.h"
#include "gateway/base/json.h"
#include "gateway/journal/reader.h"
#include "gateway/journal/verify.h"
#include "gateway/signed/receipt.h"

enum { PATH_SIZE = 512, FILE_MAX_BYTES = 1 << 20, ANCHORS_MAX = 2 };

static const char default_journal[] = "/var/lib/checkpoint/checkpointd/journal";
static const char default_roots[] = "/etc/checkpoint/roots";
static const char seal_type[] = "checkpoint-seal/1";

/* The folder: told, the running checkpointd's, or the usual one. */
static void find_journal(struct ctl *ctl, char out[PATH_SIZE])
{
    char path[PATH_SIZE];
    struct err_text err;
    json_t *answer = NULL;
    json_t *request = json_pack("{s:s}", "do", "audit_head");
    struct control_client *client = NULL;
    const char *folder = ctl->journal ? ctl->journal : default_journal;
    if (!ctl->journal &&
        snprintf(path, sizeof(path), "%s/control", ctl->runtime_dir) < (int)sizeof(path) &&
        control_client_open(path, &client, &err) == 0 &&
        control_client_ask(client, request, CONTROL_CLIENT_WAIT_MS, &answer, &err) == 0) {
        const char *told =
            json_string_value(json_object_get(json_object_get(answer, "result"), "folder"));
        folder = told ? told : folder;
    }
    snprintf(out, PATH_SIZE, "%s", folder);
    control_client_close(client);
    json_decref(request);
    json_decref(answer);
}

/* ---- anchors ---- */

static int load_keyset(const struct ctl *ctl, const char *journal, struct keyset *out,
                       struct err_text *err)
{
    char path[PATH_SIZE];
    struct root_keys roots;
    uint8_t *text = NULL;
    size_t size = 0;
    if (ctl->keyset) {
        snprintf(path, sizeof(path), "%s", ctl->keyset);
    } else if (snprintf(path, sizeof(path), "%s/../keyset.json", journal) >= (int)sizeof(path)) {
        return err_set(err, ERR_INVALID, "%s: path too long", journal);
    }
    int result = root_keys_load(ctl->roots ? ctl->roots : default_roots, &roots, err);
    if (result == 0) {
        result = file_read(path, FILE_MAX_BYTES, &text, &size, err);
    }
    if (result == 0) {
        result = keyset_verify(&roots, text, size, out, err);
        result = result == 0 ? 0 : err_prefix(err, result, "%s", path);
    }
    free(text);
    return result;
}

/* A receipt counts only under headquarters' signature: without a key set it is no anchor. */
static int load_receipt(const struct ctl *ctl, const char *journal, struct journal_anchor *out,
                        struct err_text *err)
{
    uint8_t *text = NULL;
    size_t size = 0;
    struct receipt receipt;
    struct keyset *keys = malloc(sizeof(*keys));
    int result = keys ? file_read(ctl->receipt, FILE_MAX_BYTES, &text, &size, err)
                      : err_set(err, ERR_NO_MEMORY, "no memory");
    if (result == 0) {
        result = load_keyset(ctl, journal, keys, err);
        result = result == 0 ? 0 : err_prefix(err, result, "the receipt cannot be checked");
    }
    if (result == 0) {
        result = receipt_verify(keys, text, size, &receipt, err);
        result = result == 0 ? 0 : err_prefix(err, result, "%s", ctl->receipt);
    }
    if (result == 0) {
        memcpy(out->head.chain, receipt.chain, sizeof(out->head.chain));
        memcpy(out->head.hash, receipt.head, sizeof(out->head.hash));
        out->head.sequence = receipt.sequence;
        snprintf(out->name, sizeof(out->name), "HQ receipt");
    }
    free(text);
    free(keys);
    return result;
}

static int load_seal(const char *path, struct journal_anchor *out, struct err_text *err)
{
    uint8_t *text = NULL;
    size_t size = 0;
    json_t *seal = NULL;
    const char *type = NULL;
    const char *chain = NULL;
    const char *hash = NULL;
    json_int_t sequence = 0;
    int result = file_read(path, FILE_MAX_BYTES, &text, &size, err);
    if (result != 0) {
        return result; /* it names the file itself */
    }
    result = json_parse((const char *)text, size, &seal, err);
    if (result == 0 && (json_unpack(seal, "{s:s,s:s,s:s,s:I}", "type", &type, "chain", &chain,
                                    "hash", &hash, "sequence", &sequence) != 0 ||
                        strcmp(type, seal_type) != 0 || sequence < 1 ||
                        hex_decode(chain, out->head.chain, sizeof(out->head.chain)) != 0 ||
                        hex_decode(hash, out->head.hash, sizeof(out->head.hash)) != 0)) {
        result = err_set(err, ERR_INVALID, "no exported seal, expected one of 'audit seal'");
    }
    if (result == 0) {
        out->head.sequence = (uint64_t)sequence;
        snprintf(out->name, sizeof(out->name), "exported seal");
    }
    json_decref(seal);
    free(text);
    return result == 0 ? 0 : err_prefix(err, result, "%s", path);
}

/* ---- verify ---- */

static void print_report(const struct ctl *ctl, const char *journal, const struct journal_report *r)
{
    printf("%s: %s\n", journal,
           r->ok ? ctl_say(ctl, "the chain holds", "记录链完整")
                 : ctl_say(ctl, "FAULT", "发现问题"));
    if (!r->ok) {
        printf(ctl_say(ctl, "Fault at record %llu: %s\n", "第 %llu 条记录有问题：%s\n"),
               (unsigned long long)r->fault_at, r->fault.text);
    }
    printf(ctl_say(ctl, "Records %llu, with body %llu; seals %llu, the last one at record %llu.\n",
                   "记录 %llu 条，含正文 %llu 条；封签 %llu 个，最近一个在第 %llu 条。\n"),
           (unsigned long long)r->records, (unsigned long long)r->bodies,
           (unsigned long long)r->seals, (unsigned long long)r->sealed_to);
    if (r->anchored_to > 0) {
        printf(ctl_say(ctl, "Anchor: %s. Nothing up to record %llu was cut off or exchanged.\n",
                       "锚点：%s。第 %llu 条及之前未被截断或替换。\n"),
               r->anchor, (unsigned long long)r->anchored_to);
    } else {
        puts(ctl_say(ctl,
                     "Anchor: none. A tail cut off cannot be seen without one: give --receipt or "
                     "--seal.",
                     "锚点：无。没有锚点无法发现尾部截断，请使用 --receipt 或 --seal。"));
    }
}

static void print_report_json(const char *journal, const struct journal_report *r)
{
    char chain[2 * JOURNAL_CHAIN_ID_SIZE + 1];
    hex_encode(r->chain, sizeof(r->chain), chain);
    json_t *object = json_pack(
        "{s:s,s:b,s:s,s:I,s:I,s:I,s:I,s:I,s:s,s:I,s:s}", "journal", journal, "ok", (int)r->ok,
        "chain", chain, "records", (json_int_t)r->records, "bodies", (json_int_t)r->bodies, "seals",
        (json_int_t)r->seals, "sealed_to", (json_int_t)r->sealed_to, "anchored_to",
        (json_int_t)r->anchored_to, "anchor", r->anchored_to > 0 ? r->anchor : "none", "fault_at",
        (json_int_t)r->fault_at, "fault", r->fault.text);
    ctl_print_json(object);
    json_decref(object);
}

int ctl_audit_verify(struct ctl *ctl)
{
    char journal[PATH_SIZE];
    struct journal_anchor anchors[ANCHORS_MAX] = {{.name = ""}};
    size_t count = 0;
    struct journal_report report = {.ok = false};
    struct err_text err;
    int result = 0;
    find_journal(ctl, journal);
    if (ctl->receipt) {
        result = load_receipt(ctl, journal, &anchors[count++], &err);
    }
    if (result == 0 && ctl->seal) {
        result = load_seal(ctl->seal, &anchors[count++], &err);
    }
    if (result == 0) {
        result = journal_verify(journal, anchors, count, &report, &err);
    }
    if (result != 0) {
        return ctl_fail_err(ctl, result == ERR_DENIED ? EXIT_DENIED : EXIT_RUN, result, &err);
    }
    if (ctl->json) {
        print_report_json(journal, &report);
    } else {
        print_report(ctl, journal, &report);
    }
    return report.ok ? EXIT_OK : EXIT_RUN;
}

/* ---- seal ---- */

struct last_seal {
    struct journal_header header;
    uint8_t hash[JOURNAL_HASH_SIZE];
    int result; /* of the hash */
};

static int keep_seal(void *ctx, const struct journal_record *record)
{
    struct last_seal *last = ctx;
    last->header = record->header;
    last->result = journal_hash(record->bytes, last->hash);
    return last->result;
}

static int find_seal(const char *journal, struct last_seal *last, struct err_text *err)
{
    struct journal_reader *reader = NULL;
    uint64_t after = 0;
    uint64_t taken = 0;
    int result = journal_reader_open(journal, &reader, err);
    while (result == 0) {
        result = journal_reader_read(reader, after, JOURNAL_KIND_BIT(JOURNAL_SEAL),
                                     JOURNAL_READ_MAX, keep_seal, last, &taken, err);
        if (taken == after) {
            break;
        }
        after = taken;
    }
    journal_reader_close(reader);
    if (result == 0 && last->header.sequence == 0) {
        return err_set(err, ERR_NOT_FOUND, "%s: no seal", journal);
    }
    return result;
}

int ctl_audit_seal(struct ctl *ctl)
{
    char journal[PATH_SIZE];
    char chain[2 * JOURNAL_CHAIN_ID_SIZE + 1];
    char hash[2 * JOURNAL_HASH_SIZE + 1];
    char time[WALL_TEXT_SIZE];
    struct last_seal last = {.result = 0};
    struct err_text err;
    find_journal(ctl, journal);
    int result = find_seal(journal, &last, &err);
    if (result != 0) {
        return ctl_fail_err(ctl, EXIT_RUN, result, &err);
    }
    hex_encode(last.header.chain, sizeof(last.header.chain), chain);
    hex_encode(last.hash, sizeof(last.hash), hash);
    wall_format(last.header.wall, time);
    json_t *seal = json_pack("{s:s,s:s,s:s,s:I,s:s}", "type", seal_type, "chain", chain, "hash",
                             hash, "sequence", (json_int_t)last.header.sequence, "time", time);
    ctl_print_json(seal);
    json_decref(seal);
    return EXIT_OK;
}
