/* See connections.h. */
#include "gateway/hq/connections.h"

#include <openssl/x509.h>
#include <stdlib.h>

#include "gateway/tls/context.h"
#include "gateway/tls/identity.h"

struct connection {
    struct accepted accepted; /* `since`: accepted, handshake done, or last answered */
    bool shaken;              /* handshake done */
    bool busy;                /* a request is being answered */
};

/* The list is its owner's first member, as a connection's part is. */
static const struct connections *all_of(const struct connection *c)
{
    return (const struct connections *)c->accepted.all;
}

/* Refusals without a certificate to judge: none was shown, or an older TLS was spoken. */
static void tell_alert(const struct connection *c, int alert)
{
    const struct connections *all = all_of(c);
    if (all->refused &&
        (alert == TLS13_AD_CERTIFICATE_REQUIRED || alert == SSL_AD_PROTOCOL_VERSION))
        all->refused(all->refused_ctx, tls_alert_text(alert));
}

static void on_handshake(struct accepted *one, int where, int value)
{
    struct connection *c = (struct connection *)one;
    uint8_t fingerprint[TLS_FINGERPRINT_SIZE];
    unsigned size = 0;
    if ((where & SSL_CB_WRITE_ALERT) == SSL_CB_WRITE_ALERT)
        tell_alert(c, value & 0xFF);
    if (!(where & SSL_CB_HANDSHAKE_DONE) || c->shaken)
        return;
    X509 *certificate = SSL_get1_peer_certificate(one->ssl);
    c->shaken = true;
    one->since = clock_mono(&clock_system);
    if (certificate && X509_digest(certificate, EVP_sha256(), fingerprint, &size) == 1 &&
        size == sizeof(fingerprint) &&
        accepted_identify(one, fingerprint, size) > HQ_CONNECTIONS_ONE)
        accepted_end(one);
    X509_free(certificate);
}

void connections_init(struct connections *all, size_t max, int request_s)
{
    *all = (struct connections){.request_s = request_s};
    accepted_init(&all->accepted, max, on_handshake, NULL);
}

int connections_add(struct connections *all, SSL *ssl, struct mono_time now)
{
    struct connection *c = calloc(1, sizeof(*c));
    if (!c)
        return ERR_NO_MEMORY;
    int rc = accepted_add(&all->accepted, &c->accepted, ssl, now);
    if (rc != 0)
        free(c);
    return rc;
}

bool connections_full(const struct connections *all)
{
    return accepted_is_full(&all->accepted);
}

void connection_busy(SSL *ssl)
{
    struct connection *c = (struct connection *)accepted_of(ssl);
    if (c)
        c->busy = true;
}

void connection_answered(SSL *ssl, struct mono_time now)
{
    struct connection *c = (struct connection *)accepted_of(ssl);
    if (!c)
        return;
    c->busy = false;
    c->accepted.since = now;
}

int connections_sweep(struct connections *all, struct mono_time now)
{
    const struct accepted *one;
    int ended = 0;
    TAILQ_FOREACH(one, &all->accepted.list, link)
    {
        const struct connection *c = (const struct connection *)one;
        int limit_s = c->shaken ? all->request_s : HQ_HANDSHAKE_S;
        if (c->busy || mono_diff_ms(now, one->since) < (int64_t)limit_s * 1000)
            continue;
        accepted_end(one);
        ended++;
    }
    return ended;
}
