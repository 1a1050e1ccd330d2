/*
 * See connections.h. A struct connection hangs on its SSL (ex_data) and is freed with it. A
 * connection is ended by shutting its socket down: libevent then takes it apart as for any peer
 * that left.
 */
#include "gateway/hq/connections.h"

#include <openssl/x509.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "gateway/tls/context.h"
#include "gateway/tls/identity.h"

struct connection {
    TAILQ_ENTRY(connection) link;
    struct connections *all;
    SSL *ssl;
    struct mono_time since; /* accepted, handshake done, or last answered */
    bool shaken;            /* handshake done */
    bool known;             /* `fingerprint` is the peer's certificate */
    bool busy;              /* a request is being answered */
    uint8_t fingerprint[TLS_FINGERPRINT_SIZE];
};

static pthread_once_t index_once = PTHREAD_ONCE_INIT;
static int connection_index; /* written once, by make_index */

static void free_connection(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx, long argl,
                            void *argp)
{
    (void)parent, (void)ad, (void)idx, (void)argl, (void)argp; /* the signature is OpenSSL's */
    struct connection *c = ptr;
    if (!c)
        return;
    TAILQ_REMOVE(&c->all->list, c, link);
    c->all->count--;
    free(c);
}

static void make_index(void)
{
    connection_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, free_connection);
}

static struct connection *connection_of(const SSL *ssl)
{
    return ssl ? SSL_get_ex_data(ssl, connection_index) : NULL;
}

static void end_connection(const struct connection *c)
{
    int fd = SSL_get_fd(c->ssl);
    if (fd >= 0)
        (void)shutdown(fd, SHUT_RDWR); /* a peer that left already is as good */
}

static size_t count_same(const struct connection *c)
{
    const struct connection *other;
    size_t count = 0;
    TAILQ_FOREACH(other, &c->all->list, link)
    {
        count +=
            other->known && memcmp(other->fingerprint, c->fingerprint, sizeof(c->fingerprint)) == 0;
    }
    return count;
}

/* Refusals without a certificate to judge: none was shown, or an older TLS was spoken. */
static void tell_alert(const struct connection *c, int alert)
{
    if (c->all->refused &&
        (alert == TLS13_AD_CERTIFICATE_REQUIRED || alert == SSL_AD_PROTOCOL_VERSION))
        c->all->refused(c->all->refused_ctx, tls_alert_text(alert));
}

static void on_handshake(const SSL *ssl, int where, int value)
{
    struct connection *c = connection_of(ssl);
    unsigned size = 0;
    if ((where & SSL_CB_WRITE_ALERT) == SSL_CB_WRITE_ALERT && c)
        tell_alert(c, value & 0xFF);
    if (!(where & SSL_CB_HANDSHAKE_DONE) || !c || c->shaken)
        return;
    X509 *certificate = SSL_get1_peer_certificate(ssl);
    c->shaken = true;
    c->since = clock_mono(&clock_system);
    c->known = certificate && X509_digest(certificate, EVP_sha256(), c->fingerprint, &size) == 1 &&
               size == sizeof(c->fingerprint);
    X509_free(certificate);
    if (c->known && count_same(c) > HQ_CONNECTIONS_ONE)
        end_connection(c);
}

void connections_init(struct connections *all, size_t max, int request_s)
{
    (void)pthread_once(&index_once, make_index); /* fails only for a bad argument */
    *all = (struct connections){.max = max, .request_s = request_s};
    TAILQ_INIT(&all->list);
}

void connections_attach(SSL_CTX *ctx)
{
    SSL_CTX_set_info_callback(ctx, on_handshake);
}

int connections_add(struct connections *all, SSL *ssl, struct mono_time now)
{
    struct connection *c = calloc(1, sizeof(*c));
    if (!c)
        return ERR_NO_MEMORY;
    *c = (struct connection){.all = all, .ssl = ssl, .since = now};
    TAILQ_INSERT_TAIL(&all->list, c, link);
    all->count++;
    if (SSL_set_ex_data(ssl, connection_index, c) == 1)
        return 0;
    TAILQ_REMOVE(&all->list, c, link);
    all->count--;
    free(c);
    return ERR_NO_MEMORY;
}

bool connections_full(const struct connections *all)
{
    return all->count >= all->max;
}

void connection_busy(SSL *ssl)
{
    struct connection *c = connection_of(ssl);
    if (c)
        c->busy = true;
}

void connection_answered(SSL *ssl, struct mono_time now)
{
    struct connection *c = connection_of(ssl);
    if (!c)
        return;
    c->busy = false;
    c->since = now;
}

int connections_sweep(struct connections *all, struct mono_time now)
{
    const struct connection *c;
    int ended = 0;
    TAILQ_FOREACH(c, &all->list, link)
    {
        int limit_s = c->shaken ? all->request_s : HQ_HANDSHAKE_S;
        if (c->busy || mono_diff_ms(now, c->since) < (int64_t)limit_s * 1000)
            continue;
        end_connection(c);
        ended++;
    }
    return ended;
}
