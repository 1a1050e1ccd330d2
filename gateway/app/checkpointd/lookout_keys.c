/*
 * Keys of the rule of seven days: plates are few, so a plain digest of one can be undone by trying
 * them all. Each day's look-outs (UTC) are digested with a random key of that day, kept in
 * <state_dir>/lookout-keys.json and nowhere else, and gone from it with the rule's term: from then
 * on what the journal keeps says nothing. Called under the desk's lock, or before the threads.
 */
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/app/checkpointd/checkpointd.h"
#include "gateway/base/encode.h"
#include "gateway/base/file.h"
#include "gateway/base/json.h"
#include "gateway/base/log.h"

enum {
    DAY_MS = 24 * 3600 * 1000,
    LOOK_MS = 3600 * 1000,
    FILE_MAX = 4096,
    HEX_SIZE = 2 * SIPHASH_KEY_SIZE + 1
};

static int64_t day_of(struct wall_time time)
{
    return time.ms / DAY_MS + 1; /* 0 marks a free place */
}

static const struct lookout_key *find(const struct lookout_desk *desk, int64_t day)
{
    for (int i = 0; i < LOOKOUT_KEYS_MAX; i++) {
        if (day != 0 && desk->keys[i].day == day) {
            return &desk->keys[i];
        }
    }
    return NULL;
}

uint64_t lookout_digest(const struct lookout_desk *desk, plate_key plate, struct wall_time begun)
{
    const struct lookout_key *key = find(desk, day_of(begun));
    uint64_t digest = key ? siphash24(key->bytes, &plate, sizeof(plate)) : 0;
    return key && digest == 0 ? 1 : digest;
}

static void wipe_old(struct lookout_desk *desk, struct wall_time now)
{
    for (int i = 0; i < LOOKOUT_KEYS_MAX; i++) {
        if (desk->keys[i].day != 0 && desk->keys[i].day < day_of(now) - LOOKOUT_AGAIN_DAYS) {
            OPENSSL_cleanse(&desk->keys[i], sizeof(desk->keys[i]));
            desk->keys_unsaved = true;
        }
    }
}

static void path_of(const struct checkpointd *c, char out[256])
{
    (void)snprintf(out, 256, "%s/lookout-keys.json", c->config.state_dir); /* fits */
}

static int save(struct checkpointd *c, struct err_text *err)
{
    char path[256];
    char hex[HEX_SIZE];
    json_t *keys = json_object();
    for (int i = 0; i < LOOKOUT_KEYS_MAX; i++) {
        char day[24];
        if (c->lookouts.keys[i].day == 0) {
            continue;
        }
        (void)snprintf(day, sizeof(day), "%lld", (long long)c->lookouts.keys[i].day); /* fits */
        hex_encode(c->lookouts.keys[i].bytes, SIPHASH_KEY_SIZE, hex);
        json_object_set_new(keys, day, json_string(hex));
    }
    char *text = json_dumps(keys, JSON_COMPACT | JSON_SORT_KEYS);
    path_of(c, path);
    int result = text ? file_write_atomic(path, text, strlen(text), 0600, err)
                      : err_set(err, ERR_NO_MEMORY, "look-outs: no memory");
    if (text) {
        OPENSSL_cleanse(text, strlen(text));
    }
    free(text);
    json_decref(keys);
    OPENSSL_cleanse(hex, sizeof(hex));
    c->lookouts.keys_unsaved &= result != 0;
    return result;
}

int lookout_keys_ready(struct checkpointd *c, struct wall_time begun)
{
    struct err_text err;
    struct lookout_desk *desk = &c->lookouts;
    struct lookout_key *place = NULL;
    wipe_old(desk, begun);
    if (find(desk, day_of(begun))) {
        return 0;
    }
    for (int i = 0; i < LOOKOUT_KEYS_MAX; i++) {
        place = desk->keys[i].day == 0 ? &desk->keys[i] : place;
    }
    if (!place) {
        return ERR_FULL; /* a clock that jumped: days that are not over */
    }
    if (RAND_bytes(place->bytes, SIPHASH_KEY_SIZE) != 1) {
        return ERR_IO;
    }
    place->day = day_of(begun);
    int result = save(c, &err);
    if (result != 0) {
        log_event(EVENT_LOOKOUT_KEYS, "detail=\"%s\"", err.text);
        OPENSSL_cleanse(place, sizeof(*place));
    }
    return result;
}

static void wipe_in_control(void *ctx, void *item)
{
    struct checkpointd *c = ctx;
    struct wall_time now = clock_wall(&c->clock);
    struct err_text err;
    (void)item;
    wipe_old(&c->lookouts, now);
    if (c->lookouts.keys_unsaved && save(c, &err) != 0) { /* again in an hour */
        log_event(EVENT_LOOKOUT_KEYS, "detail=\"%s\"", err.text);
    }
}

void lookout_keys_look(struct checkpointd *c, struct mono_time *due)
{
    struct mono_time now = clock_mono(&clock_system);
    if (!mono_before(now, *due) &&
        line_server_post(control_server(c->control), wipe_in_control, c, NULL) == 0) {
        *due = mono_add_ms(now, LOOK_MS);
    }
}

static void take(struct lookout_desk *desk, const json_t *keys)
{
    const char *day;
    const json_t *value;
    int count = 0;
    json_object_foreach((json_t *)(uintptr_t)keys, day, value)
    {
        struct lookout_key key = {.day = strtoll(day, NULL, 10)};
        const char *hex = json_string_value(value);
        if (hex && count < LOOKOUT_KEYS_MAX && key.day > 0 && strlen(hex) == HEX_SIZE - 1 &&
            hex_decode(hex, key.bytes, SIPHASH_KEY_SIZE) == 0) {
            desk->keys[count++] = key;
        }
        OPENSSL_cleanse(&key, sizeof(key));
    }
}

void lookout_keys_load(struct checkpointd *c)
{
    char path[256];
    uint8_t *text = NULL;
    size_t size = 0;
    json_t *keys = NULL;
    struct err_text err;
    path_of(c, path);
    int result = file_read(path, FILE_MAX, &text, &size, &err);
    if (result == 0) {
        result = json_parse((const char *)text, size, &keys, &err);
        OPENSSL_cleanse(text, size);
    }
    if (result == 0) {
        take(&c->lookouts, keys);
    } else if (result != ERR_NOT_FOUND) { /* what the journal says with its plate still counts */
        log_event(EVENT_LOOKOUT_KEYS, "detail=\"%s: %s\"", path, err.text);
    }
    free(text);
    json_decref(keys);
}
