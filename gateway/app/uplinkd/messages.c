/*
 * Messages of headquarters that are no news of a list: kept durably before they are acknowledged.
 * Instructions go to checkpointd in their order, one at a time, and leave the folder only when it
 * has put them on record: while UPLINKD_INSTRUCTIONS_MAX wait, headquarters keeps the next ones.
 * Kinds this version does not know stay, the oldest give way. Thread "inbox".
 */
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/app/uplinkd/uplinkd.h"
#include "gateway/base/file.h"
#include "gateway/base/json.h"
#include "gateway/signed/instruction.h"

enum {
    OTHERS_KEPT_MAX = 256, /* of kinds this version does not know: the oldest gives way */
    MESSAGE_PATH_SIZE = 512,
    MESSAGE_SIZE_MAX = 1 << 20, /* bytes of a file */
    NUMBER_DIGITS = 20,
    OFFER_AGAIN_MS = 1000
};

static const char ending[] = ".json";

static void folder_of(const struct uplinkd *u, char out[MESSAGE_PATH_SIZE / 2])
{
    (void)snprintf(out, MESSAGE_PATH_SIZE / 2, "%s/messages", u->config.state_dir); /* fits */
}

static void path_of(const struct uplinkd *u, uint64_t number, char out[MESSAGE_PATH_SIZE])
{
    char folder[MESSAGE_PATH_SIZE / 2];
    folder_of(u, folder);
    (void)snprintf(out, MESSAGE_PATH_SIZE, "%s/%0*" PRIu64 "%s", folder, NUMBER_DIGITS, number,
                   ending); /* fits */
}

static int is_message(const struct dirent *entry)
{
    return strspn(entry->d_name, "0123456789") == NUMBER_DIGITS &&
           strcmp(entry->d_name + NUMBER_DIGITS, ending) == 0;
}

/* Numbers, rising: the names have leading zeros. Returns how many, 0 without a folder. */
static size_t list_numbers(const struct uplinkd *u, uint64_t **out)
{
    struct dirent **names = NULL;
    char folder[MESSAGE_PATH_SIZE / 2];
    folder_of(u, folder);
    int count = scandir(folder, &names, is_message, alphasort);
    uint64_t *numbers = count > 0 ? calloc((size_t)count, sizeof(*numbers)) : NULL;
    for (int i = 0; i < count; i++) {
        if (numbers)
            numbers[i] = strtoull(names[i]->d_name, NULL, 10);
        free(names[i]);
    }
    free(names);
    *out = numbers;
    return numbers ? (size_t)count : 0;
}

static bool waits(const struct uplinkd_messages *m, uint64_t number)
{
    for (size_t i = 0; i < m->count; i++)
        if (m->waiting[i] == number)
            return true;
    return false;
}

/* ---- a kept message ---- */

/* {"kind","number","body"}, or "too_large" with its bytes in the place of a body. */
static int read_kept(const struct uplinkd *u, uint64_t number, json_t **out, struct err_text *err)
{
    char path[MESSAGE_PATH_SIZE];
    uint8_t *text = NULL;
    size_t size = 0;
    path_of(u, number, path);
    int rc = file_read(path, MESSAGE_SIZE_MAX, &text, &size, err);
    if (rc == 0) {
        rc = json_parse((const char *)text, size, out, err);
        if (rc != 0)
            rc = err_prefix(err, rc, "%s", path);
    }
    free(text);
    return rc;
}

static bool is_instruction(const json_t *message)
{
    const char *kind = json_string_value(json_object_get(message, "kind"));
    return kind && strcmp(kind, "instruction") == 0;
}

static void tell_unreadable(const struct err_text *err)
{
    log_event(EVENT_UPLINK_STATE_UNWRITTEN, "active=1 detail=\"%s: it stays for whoever looks\"",
              err->text);
}

/* ---- those for checkpointd ---- */

void uplinkd_messages_load(struct uplinkd *u)
{
    struct uplinkd_messages *m = &u->messages;
    uint64_t *numbers = NULL;
    size_t count = list_numbers(u, &numbers);
    m->more = false;
    for (size_t i = 0; i < count && !m->more; i++) {
        struct err_text err = {{0}};
        json_t *message = NULL;
        if (read_kept(u, numbers[i], &message, &err) != 0) {
            tell_unreadable(&err);
        } else if (is_instruction(message)) {
            m->more = m->count == UPLINKD_INSTRUCTIONS_MAX; /* read again once these have gone */
            if (!m->more)
                m->waiting[m->count++] = numbers[i];
        }
        json_decref(message);
    }
    free(numbers);
}

static void tell_full(struct uplinkd_messages *m, bool full)
{
    if (m->full != full)
        log_event(EVENT_INSTRUCTIONS_WAIT, "active=%d detail=\"%zu kept\"", full, m->count);
    m->full = full;
}

static void skip_first(struct uplinkd_messages *m)
{
    m->count--;
    memmove(&m->waiting[0], &m->waiting[1], m->count * sizeof(m->waiting[0]));
}

static void drop_first(struct uplinkd *u)
{
    struct uplinkd_messages *m = &u->messages;
    char path[MESSAGE_PATH_SIZE];
    path_of(u, m->waiting[0], path);
    (void)unlink(path); /* one that stays is offered again at the next start and known there */
    skip_first(m);
    tell_full(m, false);
}

/* Hands the first one to the box thread; one that cannot be read stays where it is, told. */
static void offer_first(struct uplinkd *u, struct mono_time now)
{
    struct uplinkd_messages *m = &u->messages;
    struct err_text err = {{0}};
    json_t *message = NULL;
    int rc = read_kept(u, m->waiting[0], &message, &err);
    const json_t *body = json_object_get(message, "body");
    const json_t *size = json_object_get(message, "too_large");
    if (rc == 0 && !body && json_integer_value(size) <= 0)
        rc = err_set(&err, ERR_INVALID, "message %" PRIu64 ": no body", m->waiting[0]);
    if (rc != 0 && rc != ERR_NO_MEMORY) {
        tell_unreadable(&err);
        skip_first(m);
        json_decref(message);
        return;
    }
    /* keep_size leaves no body: what stands beside one is headquarters' and says nothing. */
    const char *member = body ? "instruction" : "too_large";
    char *text = json_dumps(body ? body : size, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
    m->offered = text && box_offer_instruction(u->box, m->waiting[0], member, text) == 0;
    m->due = mono_add_ms(now, m->offered ? 0 : OFFER_AGAIN_MS);
    free(text);
    json_decref(message);
}

void uplinkd_messages_step(struct uplinkd *u)
{
    struct uplinkd_messages *m = &u->messages;
    struct mono_time now = clock_mono(&clock_system);
    struct box_taken taken;
    while (box_taken(u->box, &taken) == 0) {
        m->offered = false;
        m->due = mono_add_ms(now, OFFER_AGAIN_MS);
        if (taken.rc == 0 && m->count > 0 && taken.number == m->waiting[0]) {
            drop_first(u);
            m->due = now;
        }
    }
    if (m->count == 0 && m->more && !mono_before(now, m->due)) {
        m->due = mono_add_ms(now, OFFER_AGAIN_MS);
        uplinkd_messages_load(u);
    }
    if (m->count > 0 && !m->offered && !mono_before(now, m->due))
        offer_first(u, now);
}

/* ---- keeping ---- */

/* Of those that wait for nobody. */
static void make_room(const struct uplinkd *u)
{
    char path[MESSAGE_PATH_SIZE];
    uint64_t *numbers = NULL;
    size_t count = list_numbers(u, &numbers);
    size_t others = 0;
    for (size_t i = count; i-- > 0;) {
        if (waits(&u->messages, numbers[i]) || ++others < OTHERS_KEPT_MAX)
            continue;
        path_of(u, numbers[i], path);
        (void)unlink(path); /* one that stays is tried again with the next message */
    }
    free(numbers);
}

/* What no envelope of an instruction can be, or no file holds, is refused by its size: what is kept
 * says so, for checkpointd to put on record. */
static int keep_size(const char *path, const struct inbox_message *message, struct err_text *err)
{
    char text[160];
    int size =
        snprintf(text, sizeof(text), "{\"kind\":\"%s\",\"number\":%" PRIu64 ",\"too_large\":%zu}",
                 message->kind, message->number, message->size); /* kinds are short */
    int rc = file_write_atomic(path, text, (size_t)size, 0600, err);
    if (rc == 0)
        log_event(EVENT_MESSAGE_TOO_LARGE, "number=%" PRIu64 " kind=%s size_bytes=%zu",
                  message->number, message->kind, message->size);
    return rc;
}

static int keep_file(const struct uplinkd *u, const struct inbox_message *message, bool ours,
                     struct err_text *err)
{
    char folder[MESSAGE_PATH_SIZE / 2];
    char path[MESSAGE_PATH_SIZE];
    size_t most = ours ? INSTRUCTION_ENVELOPE_MAX : MESSAGE_SIZE_MAX;
    folder_of(u, folder);
    path_of(u, message->number, path);
    int rc = file_make_folder(folder, 0700, err);
    if (rc != 0)
        return rc;
    if (!ours)
        make_room(u);
    if (message->size > most)
        return keep_size(path, message, err);
    rc = file_write_atomic(path, message->text, message->size, 0600, err);
    if (rc == 0 && !ours)
        log_event(EVENT_UPLINK_MESSAGE_KEPT, "number=%" PRIu64 " kind=%s", message->number,
                  message->kind);
    return rc;
}

int uplinkd_message_keep(void *ctx, const struct inbox_message *message, struct err_text *err)
{
    struct uplinkd *u = ctx;
    struct uplinkd_messages *m = &u->messages;
    char path[MESSAGE_PATH_SIZE];
    bool ours = strcmp(message->kind, "instruction") == 0;
    path_of(u, message->number, path);
    if (message->number <= m->kept || access(path, F_OK) == 0)
        return 0; /* kept and told before */
    if (m->more || (ours && m->count == UPLINKD_INSTRUCTIONS_MAX)) {
        tell_full(m, true);
        return err_set(err, ERR_BUSY, "%zu instructions wait for checkpointd", m->count);
    }
    int rc = keep_file(u, message, ours, err);
    if (rc != 0)
        return rc;
    m->kept = message->number;
    if (ours)
        m->waiting[m->count++] = message->number;
    uplinkd_messages_step(u);
    return 0;
}
