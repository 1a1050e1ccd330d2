/*
 * Messages of headquarters that are no news of a list: kept durably before they are acknowledged.
 * Instructions go to checkpointd in their order, one at a time, and leave the folder when it has
 * put them on record; kinds this version does not know stay. Thread "inbox".
 */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/app/uplinkd/uplinkd.h"
#include "gateway/base/file.h"
#include "gateway/base/json.h"

enum {
    MESSAGES_KEPT_MAX = 256, /* the oldest gives way */
    MESSAGE_PATH_SIZE = 512,
    MESSAGE_SIZE_MAX = 2 << 20, /* bytes of a file: an envelope and its frame */
    OFFER_AGAIN_MS = 1000
};

static void folder_of(const struct uplinkd *u, char out[MESSAGE_PATH_SIZE / 2])
{
    (void)snprintf(out, MESSAGE_PATH_SIZE / 2, "%s/messages", u->config.state_dir); /* fits */
}

static void path_of(const struct uplinkd *u, uint64_t number, char out[MESSAGE_PATH_SIZE])
{
    char folder[MESSAGE_PATH_SIZE / 2];
    folder_of(u, folder);
    (void)snprintf(out, MESSAGE_PATH_SIZE, "%s/%020" PRIu64 ".json", folder, number); /* fits */
}

static int is_message(const struct dirent *entry)
{
    return strstr(entry->d_name, ".json") != NULL;
}

/* Names have leading zeros, so the first is the oldest. */
static void make_room(const char *folder)
{
    struct dirent **names = NULL;
    char path[MESSAGE_PATH_SIZE];
    int count = scandir(folder, &names, is_message, alphasort);
    for (int i = 0; i < count; i++) {
        if (i + MESSAGES_KEPT_MAX <= count &&
            snprintf(path, sizeof(path), "%s/%s", folder, names[i]->d_name) < (int)sizeof(path))
            (void)unlink(path); /* one that stays is tried again with the next message */
        free(names[i]);
    }
    free(names);
}

/* ---- those for checkpointd ---- */

/* A full table leaves the file for when it is empty. */
static void wait_for(struct uplinkd *u, uint64_t number, const char *kind, const json_t *body)
{
    struct uplinkd_messages *m = &u->messages;
    bool ours = strcmp(kind, "instruction") == 0;
    bool full = m->more || m->count == UPLINKD_INSTRUCTIONS_MAX;
    char *text = ours && !full ? json_dumps(body, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    m->more |= ours && !text;
    if (text)
        m->waiting[m->count++] = (struct uplinkd_instruction){.number = number, .text = text};
}

/* One file, or the message that was just kept; `number` as its name says. */
static void take_text(struct uplinkd *u, uint64_t number, const char *text, size_t size)
{
    json_t *message = NULL;
    if (json_parse(text, size, &message, NULL) != 0)
        return; /* damaged: it stays for whoever looks */
    const char *kind = json_string_value(json_object_get(message, "kind"));
    const json_t *body = json_object_get(message, "body");
    if (kind && body)
        wait_for(u, number, kind, body);
    json_decref(message);
}

void uplinkd_messages_load(struct uplinkd *u)
{
    struct dirent **names = NULL;
    char folder[MESSAGE_PATH_SIZE / 2];
    char path[MESSAGE_PATH_SIZE];
    folder_of(u, folder);
    u->messages.more = false;
    int count = scandir(folder, &names, is_message, alphasort);
    for (int i = 0; i < count; i++) {
        uint8_t *text = NULL;
        size_t size = 0;
        struct err_text err;
        uint64_t number = strtoull(names[i]->d_name, NULL, 10);
        path_of(u, number, path);
        if (file_read(path, MESSAGE_SIZE_MAX, &text, &size, &err) == 0)
            take_text(u, number, (const char *)text, size);
        free(text);
        free(names[i]);
    }
    free(names);
}

static void drop_first(struct uplinkd *u)
{
    struct uplinkd_messages *m = &u->messages;
    char path[MESSAGE_PATH_SIZE];
    path_of(u, m->waiting[0].number, path);
    (void)unlink(path); /* one that stays is offered again at the next start and refused as done */
    free(m->waiting[0].text);
    m->count--;
    memmove(&m->waiting[0], &m->waiting[1], m->count * sizeof(m->waiting[0]));
}

void uplinkd_messages_step(struct uplinkd *u)
{
    struct uplinkd_messages *m = &u->messages;
    struct mono_time now = clock_mono(&clock_system);
    struct box_taken taken;
    while (box_taken(u->box, &taken) == 0) {
        m->offered = false;
        m->due = mono_add_ms(now, OFFER_AGAIN_MS);
        if (taken.rc == 0 && m->count > 0 && taken.number == m->waiting[0].number) {
            drop_first(u);
            m->due = now;
        }
    }
    if (m->count == 0 && m->more && !mono_before(now, m->due)) {
        m->due = mono_add_ms(now, OFFER_AGAIN_MS);
        uplinkd_messages_load(u);
    }
    if (m->count > 0 && !m->offered && !mono_before(now, m->due)) {
        const struct uplinkd_instruction *first = &m->waiting[0];
        m->offered =
            box_offer_instruction(u->box, first->number, first->text, strlen(first->text)) == 0;
        m->due = mono_add_ms(now, m->offered ? 0 : OFFER_AGAIN_MS);
    }
}

void uplinkd_messages_fini(struct uplinkd *u)
{
    for (size_t i = 0; i < u->messages.count; i++)
        free(u->messages.waiting[i].text);
    u->messages = (struct uplinkd_messages){.count = 0};
}

/* ---- keeping ---- */

int uplinkd_message_keep(void *ctx, const struct inbox_message *message, struct err_text *err)
{
    struct uplinkd *u = ctx;
    char folder[MESSAGE_PATH_SIZE / 2];
    char path[MESSAGE_PATH_SIZE];
    folder_of(u, folder);
    path_of(u, message->number, path);
    if (access(path, F_OK) == 0)
        return 0; /* kept and told before */
    if (mkdir(folder, 0700) != 0 && errno != EEXIST)
        return err_set(err, ERR_IO, "%s: %s", folder, strerror(errno));
    make_room(folder);
    int rc = file_write_atomic(path, message->text, message->size, 0600, err);
    if (rc != 0)
        return rc;
    if (strcmp(message->kind, "instruction") != 0)
        log_event(EVENT_UPLINK_MESSAGE_KEPT, "number=%" PRIu64 " kind=%s", message->number,
                  message->kind);
    take_text(u, message->number, message->text, message->size);
    uplinkd_messages_step(u);
    return 0;
}
