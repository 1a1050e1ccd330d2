/*
 * What of the console may change while it runs: certificates, keys, the roots of tablets, the names
 * it answers to. Loaded whole and checked whole, then swapped. Pure but for the files it reads; a
 * site belongs to whoever holds it.
 */
#pragma once

#include <openssl/ssl.h>

#include "gateway/console/console.h"
#include "gateway/tls/context.h"

struct site {
    SSL_CTX *api;
    SSL_CTX *pair; /* NULL: no pairing */
    char *certificate;
    char *hosts[CONSOLE_HOSTS_MAX];
    size_t host_count;
};

/* `refused` as of tls_server_options; NULL: nobody is told. Errors of tls_server_create. */
int site_load(const struct console_options *options, tls_refused_cb refused, void *refused_ctx,
              struct site **out, struct err_text *err) MUST_CHECK;
void site_free(struct site *site); /* NULL is fine */
