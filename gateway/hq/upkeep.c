/*
 * See upkeep.h.
 */
#include "gateway/hq/upkeep.h"

#include "gateway/base/log.h"
#include "gateway/hq/calls.h"
#include "gateway/hq/review.h"
#include "gateway/hq/self_tests.h"

enum { FRESHNESS_RETRY_MS = 60 * 1000 };

static void renew_freshness(struct hqd *hq)
{
    int64_t age_ms = clock_wall(&hq->clock).ms - hq->freshness_time.ms;
    if (age_ms >= HQ_FRESHNESS_RENEW_MS || age_ms < 0 ||
        (!hq->freshness && age_ms >= FRESHNESS_RETRY_MS))
        hqd_renew_freshness(hq);
}

static void clean(struct upkeep *upkeep)
{
    struct hq_db *db = &upkeep->hq->db;
    struct mono_time now = clock_mono(&clock_system);
    struct err_text err = {""};
    int64_t wall_ms = clock_wall(&upkeep->hq->clock).ms;
    if (upkeep->cleaned_at.ns != 0 && mono_diff_ms(now, upkeep->cleaned_at) < UPKEEP_CLEAN_MS)
        return;
    upkeep->cleaned_at = now;
    int rc =
        hq_db_exec(db, "DELETE FROM inbox WHERE expires_ms < $1", HQ_PARAMS(hq_int(wall_ms)), &err);
    if (rc == 0)
        rc = hq_db_exec(db, "DELETE FROM tokens WHERE expires_ms < $1", HQ_PARAMS(hq_int(wall_ms)),
                        &err);
    if (rc == 0)
        rc = hq_calls_clean(db, clock_wall(&upkeep->hq->clock), &err);
    if (rc == 0)
        rc = hq_review_draw(upkeep->hq, clock_wall(&upkeep->hq->clock), &err);
    if (rc != 0) /* done again next time */
        log_event(EVENT_HQ_STORE_FAULT, "reason=\"%s\"", err.text);
}

static void look_at_self_tests(struct upkeep *upkeep)
{
    struct hqd *hq = upkeep->hq;
    struct mono_time now = clock_mono(&clock_system);
    struct err_text err = {""};
    int64_t quarter_ms = hq->self_test_within_ms / 4;
    if (mono_before(now, upkeep->self_tests_due))
        return;
    upkeep->self_tests_due =
        mono_add_ms(now, quarter_ms < UPKEEP_SELF_TESTS_MS ? quarter_ms : UPKEEP_SELF_TESTS_MS);
    int rc = hq_self_tests_look(hq, clock_wall(&hq->clock), &err);
    if (rc != 0) /* done again next time */
        log_event(EVENT_HQ_STORE_FAULT, "reason=\"%s\"", err.text);
}

static void on_told(evutil_socket_t fd, short what, void *ctx)
{
    (void)fd, (void)what; /* the database knows its own */
    struct hqd *hq = ctx;
    struct err_text err = {""};
    int rc = hq_db_told(&hq->db) ? hqd_refresh(hq, &err) : 0;
    (void)rc; /* told there; the next tick looks again */
}

/* The descriptor is another one when the connection was taken up again, maybe of the same number:
 * so it is watched anew each time. */
static void look(struct upkeep *upkeep)
{
    struct err_text err = {""};
    upkeep_end(upkeep);
    int rc = hqd_refresh(upkeep->hq, &err);
    int fd = rc == 0 ? hq_db_descriptor(&upkeep->hq->db) : -1; /* a fault was told there */
    if (fd >= 0)
        upkeep->told = event_new(upkeep->base, fd, EV_READ | EV_PERSIST, on_told, upkeep->hq);
    if (upkeep->told)
        (void)event_add(upkeep->told, NULL); /* without it the next tick sees the change */
}

void upkeep_tick(struct upkeep *upkeep)
{
    look(upkeep);
    renew_freshness(upkeep->hq);
    clean(upkeep);
    look_at_self_tests(upkeep);
}

void upkeep_end(struct upkeep *upkeep)
{
    if (upkeep->told)
        event_free(upkeep->told);
    upkeep->told = NULL;
}
