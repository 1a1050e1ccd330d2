/* See channel.h. */
#include "gateway/uplink/channel.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { OWN_CHECK_MS = 1000 };

static const int64_t day_ms = 24LL * 3600 * 1000;

void channel_init(struct channel *channel, const struct uplink_site *site, int number,
                  const struct uplink_wait *wait)
{
    *channel = (struct channel){.site = site, .number = number, .wait = *wait};
    uint64_t seed = (uint64_t)clock_mono(site->clock).ns ^ (uint64_t)getpid() << 32;
    int min_ms =
        site->retry_max_ms < UPLINK_RETRY_MIN_MS ? site->retry_max_ms : UPLINK_RETRY_MIN_MS;
    backoff_init(&channel->backoff, min_ms, site->retry_max_ms, seed + (uint64_t)number);
}

void channel_fini(struct channel *channel)
{
    https_client_destroy(channel->client);
    channel->client = NULL;
}

static int fail(struct channel *channel, enum log_event_id event, int rc,
                const struct err_text *err)
{
    if (rc != ERR_STOPPED && !channel->quiet)
        uplink_link_state(channel->site->alarms, channel->number, event, err->text);
    return rc;
}

/* A list of millions comes in a thousand requests: while they succeed, both files are read and
 * judged once a second, not for each. */
static bool own_is_checked(const struct channel *channel)
{
    return channel->own_checked &&
           mono_diff_ms(clock_mono(channel->site->clock), channel->own_checked_at) < OWN_CHECK_MS;
}

static int check_own(struct channel *channel, struct err_text *err)
{
    const struct uplink_site *site = channel->site;
    if (own_is_checked(channel))
        return 0;
    struct wall_time now = clock_wall(site->clock);
    struct wall_time until = {0};
    char detail[UPLINK_DETAIL_SIZE];
    int rc = own_certificate_check(&site->own, now, &until, err);
    if (rc != 0)
        return rc;
    int64_t days = (until.ms - now.ms) / day_ms;
    (void)snprintf(detail, sizeof(detail), "%s: %lld days left", site->own.certificate,
                   (long long)days); /* a cut path still reads */
    uplink_alarm_set(site->alarms, channel->number, EVENT_UPLINK_CERTIFICATE_ENDS,
                     days < UPLINK_CERTIFICATE_WARN_DAYS, detail);
    channel->own_checked = true;
    channel->own_checked_at = clock_mono(site->clock);
    return 0;
}

static int open_client(struct channel *channel, struct err_text *err)
{
    const struct uplink_site *site = channel->site;
    struct https_client_options options = {
        .root_file = site->hq_root,
        .fleet = site->fleet,
        .cert_file = site->own.certificate,
        .key_file = site->own.key,
        .go_on = channel->wait.go_on,
        .go_on_ctx = channel->wait.ctx,
    };
    return channel->client ? 0 : https_client_create(&options, &channel->client, err);
}

/* The next server has its turn. */
static void turn(struct channel *channel)
{
    channel->own_checked = false;
    channel->server = (channel->server + 1) % channel->site->server_count;
    https_client_disconnect(channel->client);
}

static enum log_event_id event_of_failure(const struct channel *channel, int rc)
{
    if (rc != ERR_DENIED)
        return EVENT_UPLINK_DOWN;
    return https_client_report(channel->client)->peer_refused ? EVENT_UPLINK_SERVER_REFUSED
                                                              : EVENT_UPLINK_REFUSED;
}

static int judge(struct channel *channel, const struct https_request *request,
                 const struct https_answer *answer, enum log_event_id *out_event,
                 struct err_text *err)
{
    int status = answer->status;
    bool refused = status == 401 || status == 403;
    channel->retry_after_s = answer->retry_after_s;
    if (!refused && status != 429 && status >= 200 && status < 500 && status / 100 != 3) {
        *out_event = 0;
        return 0;
    }
    *out_event = refused ? EVENT_UPLINK_REFUSED : EVENT_UPLINK_DOWN;
    int rc = https_answer_error(request, answer, err);
    turn(channel); /* a certificate installed by hand meanwhile is shown by a new connection */
    return rc;
}

/* Whether the pair in place is another one since the last look: the connection shows the old one.
 */
static bool pair_switched(struct channel *channel)
{
    atomic_uint *counter = channel->site->switches;
    /* pairs with the release of renew.c: whoever sees the number finds the files */
    unsigned now = counter ? atomic_load_explicit(counter, memory_order_acquire) : 0;
    bool switched = now != channel->switches;
    channel->switches = now;
    channel->own_checked &= !switched;
    return switched;
}

/* One try; *out_event: the alarm of a failure. */
static int try_once(struct channel *channel, const struct channel_ask *ask,
                    struct https_answer *out, enum log_event_id *out_event, struct err_text *err)
{
    const struct uplink_site *site = channel->site;
    char url[HTTPS_URL_SIZE];
    struct https_answer answer = {0};
    *out_event = EVENT_UPLINK_CERTIFICATE;
    if (check_own(channel, err) != 0)
        return ERR_DENIED;
    *out_event = EVENT_UPLINK_DOWN;
    int rc = open_client(channel, err);
    if (rc == 0 && snprintf(url, sizeof(url), "%s%s", site->servers[channel->server], ask->path) >=
                       (int)sizeof(url))
        rc = err_set(err, ERR_INVALID, "%s: address too long", site->servers[channel->server]);
    if (rc != 0)
        return rc;
    struct https_request request = {
        .method = ask->method,
        .url = url,
        .content_type = ask->content_type,
        .encoding = ask->encoding,
        .compression = ask->compression,
        .range = ask->range,
        .body = ask->body,
        .body_size = ask->body_size,
        .total_timeout_ms = ask->total_timeout_ms ? ask->total_timeout_ms : UPLINK_REQUEST_MS,
        .send_bytes_s = ask->send_bytes_s,
    };
    rc = https_client_send(channel->client, &request, &answer, err);
    if (rc != 0) {
        *out_event = event_of_failure(channel, rc);
        turn(channel);
        return rc;
    }
    rc = judge(channel, &request, &answer, out_event, err);
    if (rc != 0)
        https_answer_free(&answer);
    else
        *out = answer;
    return rc;
}

int channel_send(struct channel *channel, const struct channel_ask *ask, struct https_answer *out,
                 struct err_text *err)
{
    const struct uplink_site *site = channel->site;
    enum log_event_id event = 0;
    int rc = 0;
    if (site->carrier)
        return site->carrier->carry(site->carrier->ctx, ask, out, err);
    channel->retry_after_s = 0;
    channel->arrivals = atomic_load_explicit(&site->alarms->arrivals, memory_order_relaxed);
    if (pair_switched(channel) && channel->client)
        https_client_disconnect(channel->client);
    /* Renewing a pair counts twice, before and after: at most two tries fall into it. */
    for (int tries = 0; tries < 3; tries++) {
        rc = try_once(channel, ask, out, &event, err);
        if (rc == 0) {
            if (!channel->quiet)
                uplink_link_state(site->alarms, channel->number, 0, "");
            return 0;
        }
        if ((rc != ERR_DENIED && rc != ERR_INVALID) || !pair_switched(channel))
            break;
        if (channel->client)
            https_client_disconnect(channel->client);
    }
    return fail(channel, event, rc, err);
}

void channel_succeeded(struct channel *channel)
{
    backoff_reset(&channel->backoff);
}

void channel_pause(struct channel *channel)
{
    enum { SLICE_MS = 50 };
    const struct uplink_site *site = channel->site;
    int wait_ms = backoff_next(&channel->backoff);
    if (wait_ms < channel->retry_after_s * 1000)
        wait_ms = channel->retry_after_s * 1000;
    if (wait_ms > site->retry_max_ms)
        wait_ms = site->retry_max_ms;
    struct mono_time until = mono_add_ms(clock_mono(site->clock), wait_ms);
    while (channel->wait.go_on(channel->wait.ctx) && mono_before(clock_mono(site->clock), until)) {
        if (atomic_load_explicit(&site->alarms->arrivals, memory_order_relaxed) !=
            channel->arrivals)
            return; /* headquarters is back */
        const struct timespec pause = {.tv_nsec = SLICE_MS * 1000000L};
        (void)nanosleep(&pause, NULL); /* a signal only shortens it */
    }
}
