/*
 * The issuing CA for boxes, as hq-cad runs it: what it signs and what it refuses. It signs exactly
 * one kind of certificate: a box's, for TLS_BOX_DAYS, with a key of a kind we accept. One thread.
 */
#pragma once

#include <jansson.h>

#include "gateway/base/clock.h"
#include "gateway/base/err.h"
#include "gateway/tls/identity.h"

struct hq_ca;

/* Reads the CA's certificate (PEM, with the chain up to its root if it is not one) and key (0600).
 * ERR_INVALID when they do not belong together or the certificate is no CA's. hq_ca_close frees. */
int hq_ca_open(const char *cert_file, const char *key_file, struct hq_ca **out,
               struct err_text *err) MUST_CHECK;
void hq_ca_close(struct hq_ca *ca); /* wipes the key; NULL is fine */
/* Signs the base64 PKCS#10 `request` for `checkpoint`: the end certificate and the CA's chain
 * without its root, as PEM, heap. ERR_INVALID, ERR_DENIED (asks for another name), ERR_UNSUPPORTED,
 * ERR_TOO_LARGE. */
int hq_ca_sign(struct hq_ca *ca, const char *request, const char *checkpoint, struct wall_time now,
               char **out_pem, struct err_text *err) MUST_CHECK;
/* One line of the `issue` socket: {"csr":…,"checkpoint":…} -> {"chain":<PEM>} or {"error":{…}}.
 * New reference, NULL without memory. Logs what it did. */
json_t *hq_ca_answer(struct hq_ca *ca, const json_t *request, struct wall_time now);
