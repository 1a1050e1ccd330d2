/*
 * hqd's side of hq-cad's socket: one connection a request, a line out, a line back, within
 * ISSUER_DEADLINE_S. Runs in the server's event loop.
 */
#pragma once

#include <event2/event.h>

#include "gateway/hq/hqd.h"

enum { ISSUER_DEADLINE_S = 5, ISSUER_LINE_MAX = 64 << 10 };

struct issuer; /* freed by issuer_destroy, when no request is under way any more */

int issuer_create(struct event_base *base, const char *socket_path, struct issuer **out) MUST_CHECK;
/* Ends requests under way (ERR_STOPPED to their callers). NULL is fine. */
void issuer_destroy(struct issuer *issuer);
/* For struct hq_issuer. */
int issuer_ask(void *issuer, const char *request, const char *checkpoint, hq_issued_cb done,
               void *ctx) MUST_CHECK;
