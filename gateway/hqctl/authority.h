/*
 * Other CAs in the place of those 'hqctl init' made: the one that issues to boxes, under the same
 * box root, and the HQ-server CA with hqd's certificate. Old files stay beside. Blocks.
 */
#pragma once

#include "gateway/hqctl/set_edit.h"
#include "gateway/tls/issue.h"

struct server_ca {
    struct set_source source;
    const char *hosts[TLS_HOSTS_MAX]; /* names of hqd's certificate; NULL ends */
};

/* The key set made on the way; the caller frees `text`. */
struct rotated_set {
    uint64_t version;
    char *text;
    size_t size;
};

/* A new issuing CA under the box root: ca/box-issuing.pem and its key. Asks for the CA keys'
 * passphrase. */
int authority_rotate_issuing(const struct set_source *source, struct err_text *err) MUST_CHECK;
/* A new HQ-server root and hqd's certificate under it; the pair before stays as FILE.before, the
 * key set states both roots. Asks for two roots, then the CA keys. `out` also when it fails. */
int authority_rotate_server(const struct server_ca *ca, struct rotated_set *out,
                            struct err_text *err) MUST_CHECK;
/* The root before goes: out of the key set, out of ca/ and box/, with hqd's FILE.before. Asks for
 * two roots. ERR_NOT_FOUND: there is none. */
int authority_end_server(const struct set_source *source, struct rotated_set *out,
                         struct err_text *err) MUST_CHECK;
