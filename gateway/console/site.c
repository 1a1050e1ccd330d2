/* See site.h. */
#include "gateway/console/site.h"

#include <stdlib.h>
#include <string.h>

void site_free(struct site *site)
{
    if (!site)
        return;
    SSL_CTX_free(site->api);
    SSL_CTX_free(site->pair);
    free(site->certificate);
    for (size_t i = 0; i < site->host_count; i++)
        free(site->hosts[i]);
    free(site);
}

static int copy_names(struct site *site, const struct console_options *o, struct err_text *err)
{
    if (o->host_count > CONSOLE_HOSTS_MAX)
        return err_set(err, ERR_TOO_LARGE, "hosts: more than %d", CONSOLE_HOSTS_MAX);
    site->certificate = strdup(o->cert_file);
    bool good = site->certificate != NULL;
    while (good && site->host_count < o->host_count) {
        site->hosts[site->host_count] = strdup(o->hosts[site->host_count]);
        good = site->hosts[site->host_count++] != NULL;
    }
    return good ? 0 : err_set(err, ERR_NO_MEMORY, "console: no memory");
}

int site_load(const struct console_options *options, tls_refused_cb refused, void *refused_ctx,
              struct site **out, struct err_text *err)
{
    struct tls_server_options tls = {
        .cert_file = options->cert_file,
        .key_file = options->key_file,
        .trust = {{options->tablet_roots, TLS_PEER_TABLET}},
        .trust_count = options->tablet_roots ? 1 : 0,
        .refused = refused,
        .refused_ctx = refused_ctx,
    };
    struct site *site = calloc(1, sizeof *site);
    if (!site)
        return err_set(err, ERR_NO_MEMORY, "console: no memory");
    int rc = copy_names(site, options, err);
    if (rc == 0)
        rc = tls_server_create(&tls, &site->api, err);
    tls.trust_count = 0; /* a tablet that is to be paired has no certificate yet */
    if (rc == 0 && options->pair_listen)
        rc = tls_server_create(&tls, &site->pair, err);
    if (rc != 0) {
        site_free(site);
        return rc;
    }
    *out = site;
    return 0;
}
