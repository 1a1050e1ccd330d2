/*
 * What the two halves of init share: init.c asks, checks and renames, init_keys.c makes keys and
 * certificates. Internal to gateway/hqctl.
 */
#pragma once

#include "gateway/hqctl/init.h"
#include "gateway/hqctl/key_store.h"

struct init_state {
    const struct init_options *options;
    char final[INIT_FOLDER_MAX + 1];   /* absolute */
    char working[INIT_FOLDER_MAX + 5]; /* the same and ".new" */
    char hosts[TLS_HOSTS_MAX][TLS_URN_SIZE];
    uint16_t port;
    char passphrases[INIT_PASSPHRASES][PASSPHRASE_SIZE];
};

/* Which line of init_passphrase_order. */
enum init_passphrase {
    INIT_PASS_ROOT_1,
    INIT_PASS_ROOT_2,
    INIT_PASS_ROOT_3,
    INIT_PASS_CA,
    INIT_PASS_UPDATE,
    INIT_PASS_STICK,
    INIT_PASS_OBSERVE,
    INIT_PASS_CLERK_1,
    INIT_PASS_CLERK_2
};

/* Writes "<working>/<name>". */
int init_put(const struct init_state *s, const char *name, const void *data, size_t size,
             mode_t mode, struct err_text *err) MUST_CHECK;
/* Root keys, clerks' keys, hqd's keys, the observe key and the key set. */
int init_make_signers(const struct init_state *s, struct err_text *err) MUST_CHECK;
/* The five roots, the issuing CA, the server's and the operator's certificate. */
int init_make_certificates(const struct init_state *s, struct err_text *err) MUST_CHECK;
