/*
 * Answers as every one of them goes out: the security headers, the type, whether it may be kept.
 * Loop's thread.
 */
#pragma once

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/http.h>
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is said in JSON about a refusal, when checkpointd did not say it itself. */
struct answer_words {
    const char *code; /* as err_name() */
    const char *en;
    const char *zh;
};

/* The headers every answer bears; `kept`: the browser may keep it and asks whether it changed. */
void answer_headers(struct evhttp_request *http, const char *type, bool kept);
void answer_header(struct evhttp_request *http, const char *name, const char *value);
/* Sends it. `data` may be NULL. */
void answer_bytes(struct evhttp_request *http, int status, const char *type, const void *data,
                  size_t size);
/* The same with a buffer, which is emptied. */
void answer_buffer(struct evhttp_request *http, int status, const char *type,
                   struct evbuffer *body);
/* A page, whose headers stand already and whose bytes stay where they are. */
void answer_page(struct evhttp_request *http, const uint8_t *data, size_t size);
/* {"ok":false,"error":{…}} */
void answer_refusal(struct evhttp_request *http, int status, const struct answer_words *words);
/* The same with checkpointd's own words and fields. */
void answer_error(struct evhttp_request *http, int status, const json_t *error);
/* What libevent answered by itself stands in `output`, whole and alone: puts a refusal of ours in
 * its place. "Go on with the body" stays. False: it could not. */
bool answer_replace(struct evbuffer *output);
/* {"ok":true,"result":…}; `result` is an object's text. */
void answer_result(struct evhttp_request *http, const char *result, size_t size);
/* What was just handed over, and is all that waits there, goes out as one TLS record if one holds
 * it: libevent writes each of its parts by itself. */
void answer_join(struct bufferevent *bev);
/* Sends an object as it is; stolen. */
void answer_json(struct evhttp_request *http, int status, json_t *object);
