/*
 * A new headquarters in one folder: separate roots, root keys and the first key set, clerks' list
 * keys, hqd's keys and certificate, the issuing CA, the first operator, configurations that start
 * hqd and hq-cad, and what a box needs. Made in "<folder>.new" and renamed when complete, so that a
 * folder is whole or not there. gateway/hq/API.md lists the files. Blocks; main thread.
 */
#pragma once

#include "gateway/base/clock.h"
#include "gateway/hqctl/passphrase.h"
#include "gateway/tls/issue.h"

enum {
    INIT_CLERKS = 2,
    INIT_FOLDER_MAX = 180, /* bytes of the absolute path: what is written must fit hqd.yaml */
    INIT_PORT_DEFAULT = 8442,
    INIT_EST_PORT_DEFAULT = 8443,
    INIT_PASSPHRASES = 9
};

/* Whose passphrases init asks for, in the order of asking; two clerks come last. */
extern const char *const init_passphrase_order[INIT_PASSPHRASES];

struct init_options {
    const char *folder;
    const char *fleet;
    const char *addresses[TLS_HOSTS_MAX]; /* HOST[:PORT]; the first one is told to boxes */
    size_t address_count;
    const char *operator_name;
    const char *clerks[INIT_CLERKS];
    const char *listen;      /* NULL: 0.0.0.0 and the port of the first address */
    const char *est_listen;  /* NULL: 0.0.0.0:8443 */
    const char *state_dir;   /* NULL: <folder>/state */
    const char *runtime_dir; /* NULL: <folder>/run */
    struct passphrase_source passphrases;
    struct wall_time now;
};

/* ERR_CONFLICT (the folder is there, or a broken try is), ERR_INVALID (an option, named),
 * ERR_FULL, ERR_IO, and what passphrase_read_new says. On failure nothing is left. */
int init_headquarters(const struct init_options *options, struct err_text *err) MUST_CHECK;

/* "host", "host:port", "[::1]:port" apart; *out_port is untouched without one. ERR_INVALID. */
int init_address_parse(const char *text, char host[TLS_URN_SIZE], uint16_t *out_port,
                       struct err_text *err) MUST_CHECK;
