/*
 * A plate read on its way to checkpoint-matchd from a program that got it elsewhere (checkpointd's
 * serial and Modbus cameras, checkpoint-camerad): over the `reads` socket (SOCK_SEQPACKET, one
 * message a packet, one machine, native layout). Plain value.
 */
#pragma once

#include <stddef.h>

#include "gateway/model/plate_read.h"

enum { READ_MESSAGE_VERSION = 1 };

struct read_message {
    uint32_t version; /* READ_MESSAGE_VERSION */
    struct plate_read read;
};

/* Checks a message of `size` bytes as it came off the socket. ERR_INVALID, ERR_UNSUPPORTED
 * (version); `err` says which field. */
int read_message_check(const struct read_message *message, size_t size,
                       struct err_text *err) MUST_CHECK;
