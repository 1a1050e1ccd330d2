/*
 * The socket `records`: the journal's way to headquarters through checkpoint-uplinkd, which never
 * sees the file; beside it `observe`, the second chain's, with credit and receipts alone. One JSON
 * object a line; the client says how many records it can take.
 *
 *   -> {"do":"credit","n":64,"bytes":n}   <- {"record":{CloudEvent}} in sequence, {"urgent":{…}};
 *      with "after":n,"chain":"hex" once more those behind n: headquarters no longer holds them
 *   -> {"do":"receipt","receipt":{…}}     <- {"ok":true,"confirmed":n,"head":m}, n what this
 * receipt speaks of, or {"error":{code,en,zh}}
 *   -> {"do":"keyset","keyset":{…}}       <- {"ok":true,"version":n}
 *   -> {"do":"instruction","number":n,"instruction":{…}}
 *                                         <- {"ok":true,"instruction":n}, once it is on record with
 *                                            what became of it; an error: to be offered again
 *      with "too_large":bytes in the place of one that uplinkd refused by its size: put on record
 *   -> {"do":"exempt","exempt":{…}}     <- {"ok":true,"exempt":revision}, or an error
 *   -> {"do":"retention","retention":{…}}  <- {"ok":true,"retention":version}, or an error
 *   -> {"do":"list","revision":n,"hash"}  <- {"ok":true}
 *   -> {"do":"link","connected":b,"detail"} <- {"ok":true}; shown by the act `status`; who is
 *                                            connected gets questions: {"ask":{"chain","entry",
 *                                            "revision","sequence"}} of a hit, answered or not by
 *   -> {"do":"standing","standing":{…}}   <- {"ok":true}, or an error: it counts for nothing
 *   on connect                            <- {"status":{"chain","checkpoint","confirmed","exempt",
 *                                            "retention","head","pictures":{…}}}, and once more
 *                                            when what camerad keeps pictures by has changed
 * "bytes" are those of the events; without it, those of n of the largest.
 *
 * Control thread, except records_confirmed. What goes out: records_send.c.
 */
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/app/checkpointd/records_state.h"
#include "gateway/app/key_files.h"
#include "gateway/base/encode.h"
#include "gateway/base/file.h"
#include "gateway/base/json.h"
#include "gateway/base/log.h"
#include "gateway/signed/receipt.h"

enum {
    CLIENTS_MAX = 4,
    LINE_MAX_BYTES = ENVELOPE_SIZE_MAX + 1024,
    OUTPUT_MAX_BYTES = 16 << 20,
    CREDIT_MAX = 4000,         /* records */
    CREDIT_BYTES_MAX = 8 << 20 /* with what else goes out it stays below OUTPUT_MAX_BYTES */
};

/* ---- requests ---- */

static void answer_error(struct line_client *line, const char *code, const char *en, const char *zh)
{
    line_client_send_json(line, line_error(code, en, zh));
}

/* Headquarters was put back to an earlier state: what it lost goes once more. */
static void send_again(const struct records *r, struct records_client *client, const json_t *object)
{
    const char *chain = json_string_value(json_object_get(object, "chain"));
    const json_t *after = json_object_get(object, "after");
    json_int_t n = json_integer_value(after);
    if (json_is_integer(after) && n >= 0 && (uint64_t)n < client->sent && chain &&
        strcmp(chain, r->chain) == 0) {
        client->sent = (uint64_t)n;
    }
}

static void do_credit(struct records *r, struct line_client *line, const json_t *object)
{
    struct records_client *client = line_client_data(line);
    const json_t *bytes = json_object_get(object, "bytes");
    json_int_t n = json_integer_value(json_object_get(object, "n"));
    if (n < 1 || n > CREDIT_MAX) {
        answer_error(line, "invalid", "n: expected 1 to 4000", "n：应为 1 到 4000");
        return;
    }
    if (bytes && (json_integer_value(bytes) < 1 || json_integer_value(bytes) > CREDIT_BYTES_MAX)) {
        answer_error(line, "invalid", "bytes: expected 1 to 8388608", "bytes：应为 1 到 8388608");
        return;
    }
    client->credit += (uint32_t)n;
    if (client->credit > CREDIT_MAX) {
        client->credit = CREDIT_MAX;
    }
    client->credit_bytes += bytes ? json_integer_value(bytes) : n * JOURNAL_WIRE_MAX;
    if (client->credit_bytes > CREDIT_BYTES_MAX) {
        client->credit_bytes = CREDIT_BYTES_MAX;
    }
    send_again(r, client, object);
    records_pump(r, client);
}

static void do_receipt(struct records *r, struct line_client *line, const json_t *object)
{
    struct receipt receipt;
    struct err_text err = {{0}};
    struct receipt_job job = {.client = line_client_id(line)};
    job.text = json_dumps(json_object_get(object, "receipt"), JSON_COMPACT | JSON_ENCODE_ANY);
    if (!job.text) {
        answer_error(line, "invalid", "receipt: missing", "缺少回执");
        return;
    }
    job.size = strlen(job.text);
    const struct keyset *keyset = r->first ? r->first->keyset : r->keyset;
    int result = keyset ? receipt_verify(keyset, job.text, job.size, &receipt, &err)
                        : err_set(&err, ERR_DENIED, "no key set yet");
    if (result == 0 && strcmp(receipt.checkpoint, r->c->config.checkpoint) != 0) {
        result = err_set(&err, ERR_DENIED, "the receipt is of checkpoint '%s'", receipt.checkpoint);
    }
    if (result == 0) {
        memcpy(job.head.chain, receipt.chain, sizeof(job.head.chain));
        memcpy(job.head.hash, receipt.head, sizeof(job.head.hash));
        job.head.sequence = receipt.sequence;
        atomic_store_explicit(&r->c->signed_time_ms, receipt.time.ms, memory_order_relaxed);
        result = r->first ? observe_receipt(r->c->observe, &job) : recorder_receipt(r->c, &job);
    }
    if (result != 0) {
        free(job.text);
        log_event(EVENT_RECEIPT_REFUSED, "detail=\"%s\"", err.text);
        answer_error(line, err_name(result), err.text, "回执被拒绝");
    }
}

struct confirmed {
    uint64_t client;
    uint64_t sequence;
    int result;
    struct err_text err;
};

static void confirmed_in_control(void *ctx, void *item)
{
    struct records *r = ctx;
    struct confirmed *confirmed = item;
    struct line_client *line = line_client_find(control_server(r->c->control), confirmed->client);
    if (line && confirmed->result == 0) {
        line_client_send_json(line, json_pack("{s:b,s:I,s:I}", "ok", 1, "confirmed",
                                              (json_int_t)confirmed->sequence, "head",
                                              (json_int_t)atomic_load(r->recorded)));
    } else if (line) {
        answer_error(line, err_name(confirmed->result), confirmed->err.text, "回执与本机日志不符");
    }
    free(confirmed);
}

void records_confirmed(struct records *r, uint64_t client, uint64_t sequence, int result,
                       const struct err_text *err)
{
    struct confirmed *item = malloc(sizeof(*item));
    if (result != 0) {
        log_event(EVENT_RECEIPT_REFUSED, "detail=\"%s\"", err->text);
    }
    if (!item) {
        return;
    }
    *item = (struct confirmed){client, sequence, result, *err};
    if (line_server_post(control_server(r->c->control), confirmed_in_control, r, item) != 0) {
        free(item); /* counted; the client sees it in the next status */
    }
}

/* Whose key has gone vouches for nothing any more. */
static void rejudge(struct records *r)
{
    struct err_text err = {{0}};
    keeper_rejudge(r->c, &r->exempt, r->keyset);
    keeper_rejudge(r->c, &r->retention, r->keyset);
    if (instructions_load(r->c, &r->instructions, r->keyset, &err) != 0) { /* then none is left */
        log_event(EVENT_RECORDS_UNREADABLE, "detail=\"%s\"", err.text);
    }
}

static void do_keyset(struct records *r, struct line_client *line, const json_t *object)
{
    struct err_text err = {{0}};
    char *text = json_dumps(json_object_get(object, "keyset"), JSON_COMPACT | JSON_ENCODE_ANY);
    struct keyset *next = malloc(sizeof(*next));
    int result = text && next ? keyset_verify(&r->roots, text, strlen(text), next, &err)
                              : err_set(&err, ERR_INVALID, "keyset: missing");
    if (result == 0) {
        result = keyset_check_newer(r->keyset, next, &err);
        bool same =
            result == ERR_CONFLICT && memcmp(r->keyset->hash, next->hash, sizeof(next->hash)) == 0;
        if (result == 0) {
            result = file_write_atomic(r->keyset_path, text, strlen(text), 0600, &err);
        }
        if (result == 0) {
            struct keyset *old = r->keyset;
            r->keyset = next;
            next = old;
            rejudge(r);
            observe_set_keyset(r->c->observe, r->keyset);
        } else if (same) {
            result = 0;
        }
    }
    if (result == 0) {
        line_client_send_json(
            line, json_pack("{s:b,s:I}", "ok", 1, "version", (json_int_t)r->keyset->version));
    } else {
        log_event(EVENT_KEYSET_REFUSED, "detail=\"%s\"", err.text);
        answer_error(line, err_name(result), err.text, "密钥集被拒绝");
    }
    free(next);
    free(text);
}

/* `name` is the act's and the member's. */
static void do_statement(struct records *r, struct line_client *line, const json_t *object,
                         const char *name, struct keeper *keeper, const char *refused_zh)
{
    struct err_text err = {{0}};
    char *text = json_dumps(json_object_get(object, name), JSON_COMPACT | JSON_ENCODE_ANY);
    int result = text ? keeper_offer(r->c, keeper, r->keyset, text, strlen(text), &err)
                      : err_set(&err, ERR_INVALID, "%s: missing", name);
    if (result == 0) {
        line_client_send_json(
            line, json_pack("{s:b,s:I}", "ok", 1, name, (json_int_t)keeper->held.number));
    } else {
        answer_error(line, err_name(result), err.text, refused_zh);
    }
    free(text);
}

static void do_instruction(struct records *r, struct line_client *line, const json_t *object)
{
    struct err_text err = {{0}};
    json_int_t number = json_integer_value(json_object_get(object, "number"));
    json_int_t too_large = json_integer_value(json_object_get(object, "too_large"));
    char *text = json_dumps(json_object_get(object, "instruction"), JSON_COMPACT | JSON_ENCODE_ANY);
    uint64_t said = number > 0 ? (uint64_t)number : 0;
    int result = too_large > 0
                     ? instructions_refuse_size(r->c, &r->instructions, line_client_id(line), said,
                                                too_large, &err)
                 : text ? instructions_offer(r->c, &r->instructions, r->keyset,
                                             line_client_id(line), said, text, strlen(text), &err)
                        : err_set(&err, ERR_INVALID, "instruction: missing");
    if (result != 0) { /* else it is answered from the record */
        answer_error(line, err_name(result), err.text, "指令暂时无法处理");
    }
    free(text);
}

struct instruction_keeper *records_instructions(struct records *records)
{
    return &records->instructions;
}

const struct keyset *records_keyset(const struct records *records)
{
    return records->keyset;
}

static void do_standing(struct records *r, struct line_client *line, const json_t *object)
{
    struct err_text err = {{0}};
    char *text = json_dumps(json_object_get(object, "standing"), JSON_COMPACT | JSON_ENCODE_ANY);
    int result = text ? confirm_take(r->c, r->keyset, text, strlen(text), &err)
                      : err_set(&err, ERR_INVALID, "standing: missing");
    if (result == 0) {
        line_client_send_json(line, json_pack("{s:b}", "ok", 1));
    } else {
        log_event(EVENT_STANDING_REFUSED, "detail=\"%s\"", err.text);
        answer_error(line, err_name(result), err.text, "总部对命中的答复被拒绝");
    }
    free(text);
}

/* What uplinkd says of its link to headquarters, for the act `status`. */
static void do_link(struct records *r, struct line_client *line, const json_t *object)
{
    const json_t *connected = json_object_get(object, "connected");
    const char *detail = json_string_value(json_object_get(object, "detail"));
    if (!json_is_boolean(connected) || !detail) {
        answer_error(line, "invalid", "link: expected connected and detail", "缺少链路状态");
        return;
    }
    struct records_client *client = line_client_data(line);
    client->linked = json_is_true(connected);
    board_set_uplink(&r->c->board, client->linked, detail);
    line_client_send_json(line, json_pack("{s:b}", "ok", 1));
}

static int client_open(void *ctx, struct line_client *line, const struct unix_peer *peer,
                       void **out_data)
{
    struct records *r = ctx;
    struct records_client *client = calloc(1, sizeof(*client));
    bool open = !r->open || atomic_load_explicit(r->open, memory_order_acquire);
    if (!client || !open || !unix_peer_is(peer, r->user)) {
        free(client);
        return ERR_DENIED;
    }
    client->line = line;
    client->sent = atomic_load(r->confirmed);
    *out_data = client;
    records_send_status(r, client);
    return 0;
}

static void client_line(void *ctx, struct line_client *line, const json_t *object)
{
    struct records *r = ctx;
    const char *act = json_string_value(json_object_get(object, "do"));
    if (act && strcmp(act, "credit") == 0) {
        do_credit(r, line, object);
    } else if (act && strcmp(act, "receipt") == 0) {
        do_receipt(r, line, object);
    } else if (r->first) {
        answer_error(line, "invalid", "do: expected credit or receipt", "未知请求");
    } else if (act && strcmp(act, "keyset") == 0) {
        do_keyset(r, line, object);
    } else if (act && strcmp(act, "exempt") == 0) {
        do_statement(r, line, object, act, &r->exempt, "免检名单被拒绝");
    } else if (act && strcmp(act, "retention") == 0) {
        do_statement(r, line, object, act, &r->retention, "保存期限规定被拒绝");
    } else if (act && strcmp(act, "instruction") == 0) {
        do_instruction(r, line, object);
    } else if (act && strcmp(act, "list") == 0) {
        line_client_send_json(line, json_pack("{s:b}", "ok", 1));
    } else if (act && strcmp(act, "link") == 0) {
        do_link(r, line, object);
    } else if (act && strcmp(act, "standing") == 0) {
        do_standing(r, line, object);
    } else {
        answer_error(line, "invalid",
                     "do: expected credit, receipt, keyset, exempt, retention, instruction, list, "
                     "link or standing",
                     "未知请求");
    }
}

static void client_closed(void *ctx, struct line_client *line)
{
    struct records *r = ctx;
    if (!r->first) {
        board_set_uplink(&r->c->board, false, "checkpoint-uplinkd is not connected");
    }
    free(line_client_data(line));
}

/* ---- life ---- */

static void load_keyset(struct records *r)
{
    uint8_t *text = NULL;
    size_t size = 0;
    struct err_text err;
    int result = file_read(r->keyset_path, LINE_MAX_BYTES, &text, &size, &err);
    if (result == ERR_NOT_FOUND) {
        return; /* the first comes from headquarters */
    }
    r->keyset = malloc(sizeof(*r->keyset));
    if (result == 0 && r->keyset) {
        result = keyset_verify(&r->roots, text, size, r->keyset, &err);
    }
    if (result != 0) {
        log_event(EVENT_KEYSET_REFUSED, "detail=\"%s\"", err.text);
        free(r->keyset);
        r->keyset = NULL;
    }
    if (r->keyset) {
        observe_set_keyset(r->c->observe, r->keyset);
    }
    free(text);
}

static int listen_records(struct records *r, struct err_text *err)
{
    struct line_listener listener = {.path = r->path,
                                     .mode = 0660,
                                     .group = r->c->config.records_group,
                                     .ops = &r->ops,
                                     .ctx = r,
                                     .clients_max = CLIENTS_MAX,
                                     .line_max_bytes = LINE_MAX_BYTES,
                                     .output_max_bytes = OUTPUT_MAX_BYTES};
    return line_server_listen(control_server(r->c->control), &listener, err);
}

/* NULL: no memory. */
static struct records *create(struct checkpointd *c, const char *socket_name)
{
    struct records *r = calloc(1, sizeof(*r));
    const struct passwd *user = getpwnam(c->config.uplinkd_user);
    if (!r) {
        return NULL;
    }
    r->c = c;
    r->user = user ? user->pw_uid : getuid();
    r->ops = (struct line_ops){client_open, client_line, client_closed};
    snprintf(r->path, sizeof(r->path), "%s/%s", c->config.runtime_dir, socket_name);
    snprintf(r->source, sizeof(r->source), "urn:checkpoint:%s", c->config.checkpoint);
    return r;
}

int records_create_observe(struct checkpointd *c, const struct records *first, struct records **out,
                           struct err_text *err)
{
    struct records *r = create(c, "observe");
    if (!r) {
        return err_set(err, ERR_NO_MEMORY, "observe: no memory");
    }
    r->first = first;
    r->folder = observe_folder(c->observe);
    r->open = &observe_counts(c->observe)->open;
    r->chain = observe_counts(c->observe)->chain;
    r->recorded = &observe_counts(c->observe)->recorded;
    r->confirmed = &observe_counts(c->observe)->confirmed;
    int result = listen_records(r, err);
    if (result != 0) {
        records_destroy(r);
        return result;
    }
    *out = r;
    return 0;
}

int records_create(struct checkpointd *c, struct records **out, struct err_text *err)
{
    struct records *r = create(c, "records");
    if (!r) {
        return err_set(err, ERR_NO_MEMORY, "records: no memory");
    }
    r->folder = c->journal_dir;
    r->chain = c->recorder.chain;
    r->recorded = &c->recorder.recorded;
    r->confirmed = &c->recorder.confirmed;
    snprintf(r->keyset_path, sizeof(r->keyset_path), "%s/keyset.json", c->config.state_dir);
    int result = root_keys_load(c->config.roots, &r->roots, err);
    if (result == 0) {
        load_keyset(r);
        keeper_load(c, &r->exempt, &keeper_exempt, r->keyset);
        keeper_load(c, &r->retention, &keeper_retention, r->keyset);
        result = instructions_load(c, &r->instructions, r->keyset, err);
    }
    if (result == 0) {
        result = journal_reader_open(c->journal_dir, &r->reader, err);
    }
    if (result == 0) {
        result = listen_records(r, err);
    }
    if (result != 0) {
        records_destroy(r);
        return result;
    }
    *out = r;
    return 0;
}

void records_destroy(struct records *r)
{
    if (!r) {
        return;
    }
    journal_reader_close(r->reader);
    free(r->keyset);
    keeper_fini(&r->exempt);
    keeper_fini(&r->retention);
    free(r);
}
