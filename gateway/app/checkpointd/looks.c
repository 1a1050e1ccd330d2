/* See looks.h. */
#include "gateway/app/checkpointd/looks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/model/picture_look.h"

struct look_job {
    uint64_t id;
    struct hit_events events;
};

int looks_init(struct looks *looks, const char *runtime_dir, struct err_text *err)
{
    (void)snprintf(looks->path, sizeof(looks->path), "%s/look",
                   runtime_dir); /* a cut one is nobody's socket */
    thread_lock_init(&looks->lock);
    looks->jobs = queue_create(LOOKS_WAITING_MAX, sizeof(struct look_job));
    return looks->jobs ? 0 : err_set(err, ERR_NO_MEMORY, "looks: no memory");
}

void looks_destroy(struct looks *looks)
{
    if (!looks->jobs) {
        return;
    }
    queue_destroy(looks->jobs);
    looks->jobs = NULL;
    pthread_mutex_destroy(&looks->lock);
}

bool looks_trigger(struct looks *looks, uint64_t id)
{
    bool found = false;
    pthread_mutex_lock(&looks->lock);
    for (size_t i = 0; i < LOOKS_KNOWN_MAX && !found; i++) {
        found = looks->known[i] == id;
    }
    pthread_mutex_unlock(&looks->lock);
    return found;
}

void looks_ask(struct looks *looks, uint64_t id, const json_t *hit)
{
    struct look_job job = {.id = id};
    if (looks_trigger(looks, id)) {
        return;
    }
    char *text = json_dumps(hit, JSON_COMPACT);
    if (text && hit_events_read(text, strlen(text), &job.events) == 0 && job.events.count > 0) {
        (void)!queue_push(looks->jobs, &job); /* full: asked at the next look */
    }
    free(text);
}

static void remember(struct looks *looks, uint64_t id)
{
    pthread_mutex_lock(&looks->lock);
    looks->known[looks->next] = id;
    looks->next = (looks->next + 1) % LOOKS_KNOWN_MAX;
    pthread_mutex_unlock(&looks->lock);
}

static void look(struct looks *looks, const struct look_job *job)
{
    struct picture_about found[PICTURES_FOUND_MAX];
    size_t count = 0;
    if (looks_trigger(looks, job->id) ||
        picture_look(looks->path, &job->events, LOOKS_WAIT_MS, found, &count, NULL) != 0) {
        return; /* known, or no store: as if there were none */
    }
    for (size_t i = 0; i < count; i++) {
        if (picture_is_trigger(&found[i])) {
            remember(looks, job->id);
            return;
        }
    }
}

void looks_run(struct thread *self, void *arg)
{
    enum { POP_WAIT_MS = 200 };
    struct looks *looks = arg;
    struct look_job job;
    while (!thread_stopping(self)) {
        thread_alive(self);
        if (queue_pop(looks->jobs, &job, POP_WAIT_MS) == 0) {
            look(looks, &job);
        }
    }
}
