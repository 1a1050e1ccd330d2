/*
 * The other end of the control and events sockets: one JSON object a line, every wait with a
 * deadline. Blocking; one thread a client.
 */
#pragma once

#include <jansson.h>

#include "gateway/base/err.h"

enum { CONTROL_CLIENT_WAIT_MS = 15000 }; /* a release waits for the journal, a search for matchd */

struct control_client;

/* Connects to the socket at `path`. *out is heap memory for control_client_close(). ERR_NOT_FOUND
 * (nobody listens), ERR_DENIED (not allowed to open it), ERR_IO, ERR_NO_MEMORY. */
int control_client_open(const char *path, struct control_client **out,
                        struct err_text *err) MUST_CHECK;
void control_client_close(struct control_client *client); /* wipes what it received; NULL is fine */

/* Sends one object; borrowed. ERR_TIMEOUT, ERR_STOPPED (the other end closed), ERR_IO. */
int control_client_send(struct control_client *client, const json_t *object, int timeout_ms,
                        struct err_text *err) MUST_CHECK;
/* The next object; new reference. timeout_ms -1: no deadline. ERR_TIMEOUT, ERR_STOPPED, ERR_IO,
 * ERR_INVALID (no JSON object), ERR_TOO_LARGE. */
int control_client_receive(struct control_client *client, int timeout_ms, json_t **out,
                           struct err_text *err) MUST_CHECK;
/* Sends `request` with an id of its own and waits for the answer with that id, passing over others;
 * new reference. `request` is borrowed and gets the key "id". */
int control_client_ask(struct control_client *client, json_t *request, int timeout_ms, json_t **out,
                       struct err_text *err) MUST_CHECK;
