/*
 * What hqd's two ends meet connections with: certificates, the pair of the CA before where there is
 * one (FILE.before), whom they trust. Blocks on the disk.
 */
#pragma once

#include "gateway/hq/refusals.h"
#include "gateway/hq/server.h"

/* `refusals` NULL: nobody is told. Errors of tls_server_create. */
int server_tls_create(const struct hq_server_options *options, bool est, struct refusals *refusals,
                      SSL_CTX **out, struct err_text *err) MUST_CHECK;
