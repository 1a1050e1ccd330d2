/* Where a server listens, as text and as a bound socket. No state, any thread. */
#pragma once

#include <stdint.h>

#include "gateway/base/err.h"

enum { HOST_TEXT_SIZE = 128 /* bytes of an address with its NUL */ };

/* "127.0.0.1:8443" or "[::1]:8443"; port 0 takes a free one. ERR_INVALID quotes the text. */
int host_port_split(const char *text, char out_host[HOST_TEXT_SIZE], uint16_t *out_port,
                    struct err_text *err) MUST_CHECK;
/* The port a socket is bound to. ERR_IO. */
int socket_port(int fd, uint16_t *out) MUST_CHECK;
