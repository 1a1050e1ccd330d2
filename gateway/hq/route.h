/*
 * Which handler serves which method and path, who may call it, and the query string. Pure.
 */
#pragma once

#include "gateway/hq/call.h"

enum hq_who {
    HQ_WHO_BOX = 1,
    HQ_WHO_OPERATOR = 2,
    HQ_WHO_NOBODY = 4 /* EST, without certificate */
};

enum { HQ_PATH_MAX = 256 /* bytes */ };

struct hq_route {
    const char *method;
    const char *pattern; /* {} stands for one segment, the call's id; a second one, its part */
    unsigned who;        /* enum hq_who, ORed */
    unsigned roles;      /* enum hq_role, ORed: which operators; 0 where none is served */
    bool own_id;         /* a box may only name itself as {} */
    hq_handler handler;
    const char *what; /* what an operator does by it, in headquarters' own records */
};

/* Fills `out_id` and `out_part` with the first and second {} ("" when the pattern has none).
 * ERR_NOT_FOUND (no such path), ERR_UNSUPPORTED (path known, not by this method), ERR_INVALID (too
 * long, or percent-encoded). `who`: only routes for these. */
int hq_route_find(const char *method, const char *path, unsigned who, const struct hq_route **out,
                  char out_id[TLS_LABEL_SIZE], char out_part[TLS_LABEL_SIZE]) MUST_CHECK;
/* `text` may be NULL. ERR_INVALID for an unknown, double or unfit key; `err` names it. */
int hq_query_parse(const char *text, struct hq_query *out, struct err_text *err) MUST_CHECK;
