/*
 * See server_tls.h. No state.
 */
#include "gateway/hq/server_tls.h"

#include <stdio.h>
#include <unistd.h>

#include "gateway/base/host_port.h"

enum { HQ_FILE_SIZE = 512 /* a path */ };

int server_tls_create(const struct hq_server_options *o, bool est, struct refusals *refusals,
                      SSL_CTX **out, struct err_text *err)
{
    char cert_before[HQ_FILE_SIZE];
    char key_before[HQ_FILE_SIZE];
    (void)snprintf(cert_before, sizeof(cert_before), "%s.before", o->cert_file); /* a cut one */
    (void)snprintf(key_before, sizeof(key_before), "%s.before", o->key_file);    /* is not there */
    bool before = access(cert_before, F_OK) == 0 && access(key_before, F_OK) == 0;
    struct tls_server_options tls = {
        .before_cert_file = before ? cert_before : NULL,
        .before_key_file = before ? key_before : NULL,
        .cert_file = o->cert_file,
        .key_file = o->key_file,
        .trust = {{o->box_root, TLS_PEER_CHECKPOINT}, {o->console_root, TLS_PEER_OPERATOR}},
        .trust_count = est ? 0 : 2,
        .refused = refusals ? refusals_tell : NULL,
        .refused_ctx = refusals,
    };
    return tls_server_create(&tls, out, err);
}

int hq_server_check(const struct hq_server_options *options, struct err_text *err)
{
    char host[HOST_TEXT_SIZE];
    uint16_t port = 0;
    SSL_CTX *tls = NULL;
    int rc = host_port_split(options->listen, host, &port, err);
    if (rc == 0 && options->est_listen)
        rc = host_port_split(options->est_listen, host, &port, err);
    if (rc == 0)
        rc = server_tls_create(options, false, NULL, &tls, err);
    SSL_CTX_free(tls);
    return rc;
}
