/*
 * Thread "keeper": the cameras' tag counters kept on disk ("<camera> <counter>\n"), so that a
 * recorded read is no use after a restart either; and the time that was trusted.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/app/matchd/matchd.h"
#include "gateway/base/file.h"
#include "gateway/base/log.h"

enum { KEEPER_MS = 200, COUNTERS_FILE_MAX = CAMERAS_MAX * 32 };

static void counters_path(const struct matchd *m, char out[MATCHD_TEXT_SIZE + 16])
{
    snprintf(out, MATCHD_TEXT_SIZE + 16, "%s/counters", m->config.state_dir);
}

static int parse_counters(struct matchd *m, const char *text, const char *path,
                          struct err_text *err)
{
    for (const char *line = text; line && *line;) {
        char *end = NULL;
        unsigned long camera = strtoul(line, &end, 10);
        const char *second = end;
        unsigned long long high = strtoull(second, &end, 10);
        if (second == line || end == second || (*end != '\n' && *end != '\0') ||
            camera > CAMERA_ID_MAX) {
            return err_set(err, ERR_CORRUPT, "%s: expected lines '<camera> <counter>'", path);
        }
        camera_table_raise_counter(m->cameras, (struct camera_counter){(uint16_t)camera, high});
        line = strchr(line, '\n');
        line = line ? line + 1 : NULL;
    }
    return 0;
}

void matchd_counters_load(struct matchd *m)
{
    char path[MATCHD_TEXT_SIZE + 16];
    char aside[MATCHD_TEXT_SIZE + 32];
    uint8_t *text = NULL;
    size_t size = 0;
    struct err_text err;
    counters_path(m, path);
    int result = file_read(path, COUNTERS_FILE_MAX, &text, &size, &err);
    if (result == 0) {
        result = parse_counters(m, (const char *)text, path, &err);
    }
    free(text);
    if (result != 0 && result != ERR_NOT_FOUND) {
        snprintf(aside, sizeof(aside), "%s.refused", path);
        (void)rename(path, aside); /* kept to be looked at; what stays is written over */
        matchd_alarm(m, EVENT_COUNTERS_LOST, true, err.text);
    }
}

/* Writes them when one moved since `*saved` changes. */
static void save_counters(struct matchd *m, uint64_t *saved)
{
    static char text[COUNTERS_FILE_MAX]; /* the keeper's */
    struct camera_counter counters[CAMERAS_MAX];
    char path[MATCHD_TEXT_SIZE + 16];
    struct err_text err;
    size_t size = 0;
    uint64_t changes = camera_table_counter_changes(m->cameras);
    if (changes == *saved) {
        return;
    }
    size_t count = camera_table_counters(m->cameras, counters, CAMERAS_MAX);
    for (size_t i = 0; i < count; i++) {
        size += (size_t)snprintf(text + size, sizeof(text) - size, "%u %llu\n", counters[i].camera,
                                 (unsigned long long)counters[i].high);
    }
    counters_path(m, path);
    int result = file_write_atomic(path, text, size, 0600, &err);
    matchd_alarm(m, EVENT_COUNTERS_UNWRITTEN, result != 0, result != 0 ? err.text : "");
    if (result == 0) { /* otherwise again with the next look */
        *saved = changes;
    }
}

void matchd_keeper_run(struct thread *self, void *arg)
{
    struct matchd *m = arg;
    uint64_t saved = camera_table_counter_changes(m->cameras); /* what was loaded is on disk */
    while (!thread_stopping(self)) {
        thread_alive(self);
        save_counters(m, &saved);
        matchd_clock_keep(m);
        thread_wait_ms(self, KEEPER_MS);
    }
    save_counters(m, &saved);
}
