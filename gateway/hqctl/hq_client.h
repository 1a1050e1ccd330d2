/*
 * hqctl's side of gateway/hq/API.md: where hqd is and who we are, requests and their JSON answers.
 * Blocks on the network; main thread.
 */
#pragma once

#include <jansson.h>

#include "gateway/base/err.h"
#include "gateway/config/config.h"
#include "gateway/tls/https_client.h"

enum { HQ_CLIENT_TEXT = 256, HQ_CLIENT_LIST_MAX = 1000 /* items a page of a list */ };

/* hqctl.yaml */
struct hq_connection {
    char hq[HQ_CLIENT_TEXT]; /* "https://hq.example:8442" */
    char hq_root[HQ_CLIENT_TEXT];
    char fleet[TLS_LABEL_SIZE];
    char certificate[HQ_CLIENT_TEXT];
    char key[HQ_CLIENT_TEXT];
};

extern const struct config_section hq_connection_section;

struct hq_connection_choice {
    const char *config;        /* --config; NULL: not given */
    const char *folder;        /* --dir: a folder of 'hqctl init' */
    const char *operator_name; /* --operator; NULL: the first one of `folder` */
    const char *hq;            /* --hq: another address than the file's */
};

/* Reads --config, or <folder>/operators/<name>/hqctl.yaml, or ~/.config/hqctl.yaml. ERR_INVALID
 * with file, line and key; ERR_NOT_FOUND. */
int hq_connection_load(const struct hq_connection_choice *choice, struct hq_connection *out,
                       struct err_text *err) MUST_CHECK;

struct hq_client {
    struct hq_connection connection;
    struct https_client *https;
};

int hq_client_open(const struct hq_connection *connection, struct hq_client *out,
                   struct err_text *err) MUST_CHECK;
void hq_client_close(struct hq_client *client);

struct hq_answer {
    int status;    /* HTTP; 0 when none came */
    json_t *value; /* NULL when the body is not JSON */
    char *text;    /* the body, NUL behind it */
    size_t size;
};

/* One request. 0 for 2xx; else as https_client_send or https_answer_error, with the answer kept
 * for the caller to look at. hq_answer_fini in either case. */
int hq_client_ask(struct hq_client *client, const char *method, const char *path, const void *body,
                  size_t size, int timeout_s, struct hq_answer *out,
                  struct err_text *err) MUST_CHECK;
int hq_client_get(struct hq_client *client, const char *path, struct hq_answer *out,
                  struct err_text *err) MUST_CHECK;
/* POST of a JSON object, which it takes over; NULL is ERR_NO_MEMORY. */
int hq_client_post(struct hq_client *client, const char *path, json_t *body, int timeout_s,
                   struct hq_answer *out, struct err_text *err) MUST_CHECK;
void hq_answer_fini(struct hq_answer *answer);

/* Walks a list of the API: GET <path><after>&limit=…, `each` for every item of member `name`, until
 * an empty page. `each` returns 0 to go on. *after is where it ended. */
int hq_client_walk(struct hq_client *client, const char *path, const char *name, uint64_t *after,
                   int (*each)(void *ctx, const json_t *item), void *ctx,
                   struct err_text *err) MUST_CHECK;
