/*
 * The link's side of checkpoint-camerad's socket `evidence` (gateway/model/picture_message.h): one
 * question at a time, each answered soon or the connection is given up. Blocks; one owner thread.
 */
#pragma once

#include "gateway/model/picture_message.h"
#include "gateway/uplink/channel.h"

enum { STORE_ANSWER_MS = 10000 };

struct store_client {
    const char *path; /* of the socket */
    const struct clock_source *clock;
    struct uplink_wait wait;
    int fd; /* -1: not connected */
    _Alignas(8) uint8_t answer[PICTURE_MESSAGE_SIZE_MAX];
};

void store_client_init(struct store_client *client, const char *path,
                       const struct clock_source *clock, const struct uplink_wait *wait);
void store_client_fini(struct store_client *client);
/* Whether there is a picture store on this box: its socket is there, alive or not. */
bool store_client_used(const struct store_client *client);
/* Sends `ask` and waits for what comes back, a message of `expected` or an answer: 0 with *out in
 * the client's buffer, the answer's code, or ERR_IO, ERR_TIMEOUT, ERR_STOPPED; `err` says why. */
int store_client_ask(struct store_client *client, struct picture_message *ask, uint32_t expected,
                     const struct picture_message **out, struct err_text *err) MUST_CHECK;
