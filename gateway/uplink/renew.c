/* See renew.h. */
#include "gateway/uplink/renew.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/tls/est.h"
#include "gateway/tls/pem.h"

static const int64_t day_ms = 24LL * 3600 * 1000;

void renew_init(struct renew *renew, const struct uplink_site *site, int channel,
                const struct uplink_wait *wait)
{
    *renew = (struct renew){.days_told = -1};
    channel_init(&renew->channel, site, channel, wait);
    renew->channel.quiet = true;
    backoff_init(&renew->backoff, site->retry_max_ms, RENEW_RETRY_MAX_MS,
                 (uint64_t)clock_mono(site->clock).ns);
}

void renew_fini(struct renew *renew)
{
    channel_fini(&renew->channel);
}

/* The answer to one request of headquarters, its status 200. */
static int ask(struct renew *renew, const struct channel_ask *what, struct https_answer *out,
               struct err_text *err)
{
    int rc = channel_send(&renew->channel, what, out, err);
    if (rc != 0 || out->status == 200)
        return rc;
    const struct https_request request = {.url = what->path};
    rc = https_answer_error(&request, out, err);
    https_answer_free(out);
    return rc;
}

static int fetch(struct renew *renew, EVP_PKEY *key, STACK_OF(X509) * *out, struct err_text *err)
{
    struct tls_identity identity = {.kind = TLS_PEER_CHECKPOINT};
    struct https_answer answer = {0};
    char *csr = NULL;
    (void)snprintf(identity.name, sizeof(identity.name), "%s",
                   renew->channel.site->own.checkpoint); /* judged by est_request_write */
    int rc = est_request_write(key, &identity, &csr, err);
    if (rc != 0)
        return rc;
    const struct channel_ask what = {.method = "POST",
                                     .path = "/.well-known/est/simplereenroll",
                                     .content_type = "application/pkcs10",
                                     .encoding = "base64",
                                     .body = csr,
                                     .body_size = strlen(csr)};
    rc = ask(renew, &what, &answer, err);
    free(csr);
    if (rc != 0)
        return rc;
    rc = est_certificates_read(answer.body, answer.size, out, err);
    https_answer_free(&answer);
    return rc == 0 ? 0 : err_prefix(err, rc, "%s", what.path);
}

static int judge(const struct renew *renew, STACK_OF(X509) * chain, EVP_PKEY *key,
                 struct wall_time *out_until, struct err_text *err)
{
    const struct uplink_site *site = renew->channel.site;
    STACK_OF(X509) *roots = NULL;
    int rc = tls_file_certificates(site->own.box_root, &roots, err);
    if (rc == ERR_NOT_FOUND)
        rc = 0; /* as own_certificate_check */
    own_certificate_first(chain, key);
    if (rc == 0)
        rc = own_certificate_judge(chain, roots, key, site->own.checkpoint, clock_wall(site->clock),
                                   out_until, err);
    sk_X509_pop_free(roots, X509_free);
    return rc == 0 ? 0 : err_prefix(err, rc, "the certificate headquarters issued");
}

/* Counted before, so that a request which meets a half-switched pair is sent again, and after, so
 * that the others open new connections. */
static int switch_pair(struct renew *renew, const STACK_OF(X509) * chain, const EVP_PKEY *key,
                       struct err_text *err)
{
    const struct uplink_site *site = renew->channel.site;
    atomic_fetch_add_explicit(site->switches, 1, memory_order_release);
    int rc = own_certificate_install(&site->own, chain, key, err);
    atomic_fetch_add_explicit(site->switches, 1, memory_order_release);
    return rc;
}

/* The first request under the new certificate ends the old one at headquarters. */
static int show(struct renew *renew, struct err_text *err)
{
    struct https_answer answer = {0};
    const struct channel_ask what = {.method = "GET", .path = "/v1/list/head"};
    int rc = ask(renew, &what, &answer, err);
    if (rc == 0)
        https_answer_free(&answer);
    https_client_disconnect(renew->channel.client);
    return rc;
}

static int renew_now(struct renew *renew, struct wall_time *out_until, struct err_text *err)
{
    STACK_OF(X509) *chain = NULL;
    EVP_PKEY *key = NULL;
    struct err_text unseen;
    int rc = tls_key_create(&key, err);
    if (rc == 0)
        rc = fetch(renew, key, &chain, err);
    if (rc == 0)
        rc = judge(renew, chain, key, out_until, err);
    if (rc == 0)
        rc = switch_pair(renew, chain, key, err);
    if (rc == 0)
        (void)!show(renew, &unseen); /* any other channel's next request does the same */
    EVP_PKEY_free(key);
    sk_X509_pop_free(chain, X509_free);
    return rc;
}

/* ---- when, and what is told ---- */

/* Told when the fault begins and for every day less, until it ends. */
static void tell_fault(struct renew *renew, struct wall_time until, const struct err_text *why)
{
    const struct uplink_site *site = renew->channel.site;
    struct uplink_alarms *alarms = site->alarms;
    char detail[UPLINK_DETAIL_SIZE];
    int64_t left_ms = until.ms - clock_wall(site->clock).ms;
    int64_t days = left_ms > 0 ? left_ms / day_ms : 0;
    (void)snprintf(detail, sizeof(detail), "%lld days %lld hours left: %s", (long long)days,
                   (long long)(left_ms > 0 ? left_ms % day_ms / (3600 * 1000) : 0),
                   why->text); /* a cut reason still reads */
    if (renew->days_told >= 0 && renew->days_told != days && alarms->report)
        alarms->report(alarms->ctx, EVENT_UPLINK_NOT_RENEWED, true, detail);
    uplink_alarm_set(alarms, renew->channel.number, EVENT_UPLINK_NOT_RENEWED, true, detail);
    renew->days_told = days;
}

/* No longer due: this program renewed it, or somebody put a fresh pair in place by hand. */
static void end_fault(struct renew *renew, struct wall_time until)
{
    char text[WALL_TEXT_SIZE];
    char detail[UPLINK_DETAIL_SIZE];
    wall_format(until, text);
    (void)snprintf(detail, sizeof(detail), "until %s", text); /* fits */
    uplink_alarm_set(renew->channel.site->alarms, renew->channel.number, EVENT_UPLINK_NOT_RENEWED,
                     false, detail);
    renew->days_told = -1;
}

static void tell_renewed(struct renew *renew, struct wall_time until)
{
    const struct uplink_site *site = renew->channel.site;
    char text[WALL_TEXT_SIZE];
    char detail[UPLINK_DETAIL_SIZE];
    wall_format(until, text);
    (void)snprintf(detail, sizeof(detail), "until %s", text); /* fits */
    end_fault(renew, until);
    if (site->alarms->report)
        site->alarms->report(site->alarms->ctx, EVENT_UPLINK_RENEWED, true, detail);
}

/* Milliseconds to the next look. */
static int64_t look(struct renew *renew)
{
    const struct uplink_site *site = renew->channel.site;
    struct wall_time now = clock_wall(site->clock);
    struct tls_cert_facts facts;
    struct wall_time until = {0};
    struct err_text err = {""};
    if (own_certificate_check(&site->own, now, &until, &err) != 0 ||
        tls_cert_file_facts(site->own.certificate, &facts, &err) != 0)
        return RENEW_LOOK_MS; /* no renewal helps, and every channel alarms it */
    if (now.ms < tls_cert_renew_at(&facts).ms) {
        if (renew->days_told >= 0)
            end_fault(renew, facts.not_after);
        return RENEW_LOOK_MS;
    }
    int rc = renew_now(renew, &until, &err);
    if (rc == ERR_STOPPED)
        return 0;
    if (rc != 0) {
        tell_fault(renew, facts.not_after, &err);
        return backoff_next(&renew->backoff);
    }
    backoff_reset(&renew->backoff);
    tell_renewed(renew, until);
    return RENEW_AGAIN_MS;
}

void renew_step(struct renew *renew)
{
    struct mono_time now = clock_mono(renew->channel.site->clock);
    if (mono_before(now, renew->not_before))
        return;
    int64_t wait_ms = look(renew);
    renew->not_before = mono_add_ms(clock_mono(renew->channel.site->clock), wait_ms);
}
