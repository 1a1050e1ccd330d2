/*
 * "127.0.0.1:8443" or "[::1]:8443", as a listening end is configured.
 */
#pragma once

#include <stdint.h>

#include "gateway/base/err.h"

enum { HQ_ADDRESS_SIZE = 128 };

/* ERR_INVALID; `err` names the text and what was expected. */
int hq_address_split(const char *text, char host[HQ_ADDRESS_SIZE], uint16_t *out_port,
                     struct err_text *err) MUST_CHECK;
/* The port a listening socket has. ERR_IO. */
int hq_address_port_of(int fd, uint16_t *out) MUST_CHECK;
