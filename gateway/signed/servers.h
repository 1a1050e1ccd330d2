/*
 * The roots of headquarters' server certificates as a key set states them, member "servers": 1 to
 * SERVER_ROOTS_MAX X.509 certificates, DER in base64. Left out: a box goes by the file it was set
 * up with. So a new HQ-server CA reaches every box under the root keys' signatures, and an old one
 * goes the same way. What a certificate says is judged by gateway/tls, not here. Pure, any thread.
 */
#pragma once

#include "gateway/signed/keyset.h"

enum { SERVER_ROOTS_MAX = 4, SERVER_ROOT_MAX_BYTES = 2048 };

/* The form of the member; NULL is fine. ERR_INVALID. */
int server_roots_check(const json_t *list, struct err_text *err) MUST_CHECK;
/* Those of an envelope that was verified: new reference, NULL when it states none. ERR_INVALID. */
int server_roots_read(const void *envelope, size_t size, json_t **out,
                      struct err_text *err) MUST_CHECK;
/* keyset_compose_with, and the member (NULL: none). */
int server_roots_compose(const struct keyset *set, const json_t *root_changes,
                         const json_t *servers, struct envelope *out,
                         struct err_text *err) MUST_CHECK;
