/*
 * The officers' console over HTTPS: pages compiled in, acts forwarded to checkpointd, its events
 * streamed. Keeps no secret of an officer: the session cookie is checkpointd's token, and
 * checkpointd decides. One thread serves everything and waits for nobody. README.md, API.md.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/err.h"
#include "gateway/base/thread.h"

enum {
    CONSOLE_BODY_MAX = 64 << 10,
    CONSOLE_HEAD_MAX = 16 << 10,
    CONSOLE_HOSTS_MAX = 16,
    CONSOLE_TICK_MS = 200
};

struct console;

struct console_options {
    const char *listen;      /* "address:port"; port 0: any free one */
    const char *pair_listen; /* NULL: no pairing */
    const char *cert_file;
    const char *key_file;
    const char *tablet_roots; /* PEM of the CA that vouches for tablets; NULL: none is asked */
    const char *runtime_dir;  /* of checkpointd's sockets */
    const char *pair_dir;     /* of what tablets may fetch once */
    const char *const *hosts; /* names and addresses this server answers to */
    size_t host_count;
    size_t connections_of_one; /* of one address; 0: CONNECTIONS_OF_ONE_MAX */
};

/* Listens. ERR_INVALID (address, certificate), ERR_BUSY (address in use) and those of
 * tls_server_create. console_destroy frees; NULL is fine. */
int console_create(const struct console_options *options, struct console **out,
                   struct err_text *err) MUST_CHECK;
/* Addresses, certificates and keys alone. */
int console_check(const struct console_options *options, struct err_text *err) MUST_CHECK;
/* Reads certificate, key, roots of tablets and hosts anew: connections that begin from the loop's
 * next tick on have them, the others go on as they are. What is wrong leaves all as it was. Not the
 * loop's thread. Errors of tls_server_create. */
int console_reload(struct console *console, const struct console_options *options,
                   struct err_text *err) MUST_CHECK;
uint16_t console_port(const struct console *console);
uint16_t console_pair_port(const struct console *console); /* 0: no pairing */
void console_run(struct thread *self, void *console);      /* thread "console" */
void console_destroy(struct console *console);
