/*
 * A checked YAML document: UTF-8, one document, no anchors, aliases or tags, bounded in size, depth
 * and nodes. Internal to gateway/config. Owned by one load; no state besides.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <yaml.h>

#include "gateway/base/err.h"
#include "gateway/config/config.h"
#include "gateway/config/scalar.h"

enum { CONFIG_SHOWN_BYTES = 60 }; /* a longer value is cut in errors */

struct config_document {
    const char *file; /* as named in errors; the caller's */
    yaml_document_t yaml;
};

/* Where something stands: a node of the document and the path of keys to it. */
struct config_at {
    struct config_document *document;
    yaml_node_t *node;                /* NULL: not written in the file */
    size_t line;                      /* of the node, or of what should hold it; from 1 */
    char path[CONFIG_PATH_TEXT_SIZE]; /* "lanes[2].barrier" */
};

/* On success the caller ends it with config_document_close. ERR_INVALID, ERR_TOO_LARGE,
 * ERR_NO_MEMORY. */
int config_document_open(struct config_document *out, const char *file, const char *text,
                         size_t size, struct err_text *err) MUST_CHECK;
void config_document_close(struct config_document *document);

/* The place of the document's root. */
void config_at_root(struct config_document *document, struct config_at *out);
/* A member by key, an item by index; `node` NULL keeps the line of `at`. */
void config_at_key(const struct config_at *at, const char *key, yaml_node_t *node,
                   struct config_at *out);
void config_at_item(const struct config_at *at, size_t index, yaml_node_t *node,
                    struct config_at *out);
/* The value under `key` of a mapping, NULL when there is none. */
yaml_node_t *config_node_find(const struct config_at *at, const char *key);
/* The scalar of a node; false when it is no scalar. */
bool config_node_scalar(const yaml_node_t *node, struct scalar *out);
/* `file:line: path = 'value': reason`. Returns ERR_INVALID. */
int config_error(const struct config_at *at, struct err_text *err, const char *reason);
