/*
 * The walker: table and document side by side. Fills a scratch struct and copies it out when all of
 * it is right. No state between calls.
 */
#include "gateway/config/config.h"

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/file.h"
#include "gateway/config/document.h"
#include "gateway/config/nearest.h"
#include "gateway/config/scalar.h"

/* NOLINTBEGIN(misc-no-recursion): as deep as the tables are, and a document is at most
 * CONFIG_DEPTH_MAX */
static int walk_section(const struct config_section *section, const struct config_at *at,
                        void *target, struct err_text *err);

static void *member_of(void *target, size_t offset)
{
    return (uint8_t *)target + offset;
}

static int store_node(const struct config_option *option, const struct config_at *at, void *member,
                      struct err_text *err)
{
    struct scalar scalar;
    struct err_text reason;
    if (!config_node_scalar(at->node, &scalar)) {
        char expect[CONFIG_EXPECT_SIZE];
        char text[CONFIG_EXPECT_SIZE + 48];
        scalar_expect(option, expect);
        (void)snprintf(text, sizeof(text), "%s, expected %s", /* fits */
                       at->node->type == YAML_SEQUENCE_NODE ? "a list" : "a section", expect);
        return config_error(at, err, text);
    }
    int rc = scalar_store(option, &scalar, member, &reason);
    return rc == ERR_OK ? rc : config_error(at, err, reason.text);
}

/* SET, FLAGS and NUMBERS: one value or a list of them. */
static int walk_several(const struct config_option *option, const struct config_at *at,
                        void *member, struct err_text *err)
{
    if (at->node->type != YAML_SEQUENCE_NODE) {
        return store_node(option, at, member, err);
    }
    yaml_node_item_t *start = at->node->data.sequence.items.start;
    size_t count = (size_t)(at->node->data.sequence.items.top - start);
    if (count == 0) {
        return config_error(at, err, "an empty list, expected at least one value");
    }
    for (size_t i = 0; i < count; i++) {
        struct config_at item;
        config_at_item(at, i, yaml_document_get_node(&at->document->yaml, start[i]), &item);
        int rc = store_node(option, &item, member, err);
        if (rc != ERR_OK) {
            return rc;
        }
    }
    return ERR_OK;
}

static size_t stride_of(const struct config_option *option)
{
    return option->section ? option->section->size : option->item->size;
}

static const struct config_option *option_named(const struct config_section *section,
                                                const char *key)
{
    for (size_t i = 0; i < section->option_count; i++) {
        if (strcmp(section->options[i].key, key) == 0) {
            return &section->options[i];
        }
    }
    return NULL;
}

/* The last item's unique option against those of all items before it. */
static int check_unique(const struct config_option *option, const struct config_at *list,
                        const struct config_at *item, void *items, size_t index,
                        struct err_text *err)
{
    const struct config_option *key = option_named(option->section, option->section->unique);
    size_t stride = stride_of(option);
    const uint8_t *mine = member_of(items, index * stride + key->offset);
    for (size_t i = 0; i < index; i++) {
        if (memcmp(member_of(items, i * stride + key->offset), mine, key->size) != 0) {
            continue;
        }
        char text[CONFIG_PATH_TEXT_SIZE + 64];
        struct config_at at;
        config_at_key(item, key->key, config_node_find(item, key->key), &at);
        (void)snprintf(text, sizeof(text), "already given to %s[%zu], expected another", /* fits */
                       list->path, i);
        return config_error(&at, err, text);
    }
    return ERR_OK;
}

static int walk_item(const struct config_option *option, const struct config_at *list,
                     const struct config_at *at, void *items, size_t index, struct err_text *err)
{
    void *target = member_of(items, index * stride_of(option));
    if (!option->section) {
        return store_node(option->item, at, target, err);
    }
    int rc = walk_section(option->section, at, target, err);
    if (rc == ERR_OK && option->section->unique) {
        rc = check_unique(option, list, at, items, index, err);
    }
    return rc;
}

static int refuse_count(const struct config_option *option, const struct config_at *at,
                        size_t count, struct err_text *err)
{
    char text[96];
    size_t capacity = option->size / stride_of(option);
    size_t max = option->max > 0 ? (size_t)option->max : capacity;
    if (count <= max && (int64_t)count >= option->min) {
        return ERR_OK;
    }
    (void)snprintf(text, sizeof(text), "%zu items, expected %lld to %zu", count, /* fits */
                   (long long)option->min, max);
    return config_error(at, err, text);
}

static int walk_list(const struct config_option *option, const struct config_at *at, void *target,
                     struct err_text *err)
{
    if (at->node->type != YAML_SEQUENCE_NODE) {
        return config_error(at, err, "not a list, expected items that begin with '-'");
    }
    yaml_node_item_t *start = at->node->data.sequence.items.start;
    size_t count = (size_t)(at->node->data.sequence.items.top - start);
    int rc = refuse_count(option, at, count, err);
    for (size_t i = 0; rc == ERR_OK && i < count; i++) {
        struct config_at item;
        config_at_item(at, i, yaml_document_get_node(&at->document->yaml, start[i]), &item);
        rc = walk_item(option, at, &item, member_of(target, option->offset), i, err);
    }
    memcpy(member_of(target, option->count_offset), &count, sizeof(count));
    return rc;
}

static int walk_given(const struct config_option *option, const struct config_at *at, void *target,
                      struct err_text *err)
{
    void *member = member_of(target, option->offset);
    if (option->has_seen) {
        *(bool *)member_of(target, option->seen_offset) = true;
    }
    if (option->kind == CONFIG_SECTION) {
        return walk_section(option->section, at, member, err);
    }
    if (option->kind == CONFIG_LIST) {
        return walk_list(option, at, target, err);
    }
    if (option->kind == CONFIG_SET || option->kind == CONFIG_FLAGS ||
        option->kind == CONFIG_NUMBERS) {
        return walk_several(option, at, member, err);
    }
    return store_node(option, at, member, err);
}

static int store_fallback(const struct config_option *option, void *target, struct err_text *err)
{
    struct err_text reason;
    bool quoted = option->kind == CONFIG_STRING || option->kind == CONFIG_PATH;
    struct scalar scalar = {option->fallback, strlen(option->fallback), quoted};
    int rc = scalar_store(option, &scalar, member_of(target, option->offset), &reason);
    return rc == ERR_OK ? rc
                        : err_set(err, rc, "default of '%s' = '%s': %s", option->key,
                                  option->fallback, reason.text);
}

/* The defaults of a section that the file does not have. */
static int fill_defaults(const struct config_section *section, void *target, struct err_text *err)
{
    int rc = ERR_OK;
    for (size_t i = 0; rc == ERR_OK && i < section->option_count; i++) {
        const struct config_option *option = &section->options[i];
        if (option->kind == CONFIG_SECTION) {
            rc = fill_defaults(option->section, member_of(target, option->offset), err);
        } else if (option->fallback) {
            rc = store_fallback(option, target, err);
        }
    }
    return rc;
}

static int walk_absent(const struct config_option *option, const struct config_at *at, void *target,
                       struct err_text *err)
{
    if (option->required) {
        char expect[CONFIG_EXPECT_SIZE];
        char text[CONFIG_EXPECT_SIZE + 32];
        struct config_at missing;
        scalar_expect(option, expect);
        (void)snprintf(text, sizeof(text), "missing, expected %s", expect); /* fits */
        config_at_key(at, option->key, NULL, &missing);
        return config_error(&missing, err, text);
    }
    if (option->kind == CONFIG_SECTION) {
        return fill_defaults(option->section, member_of(target, option->offset), err);
    }
    return option->fallback ? store_fallback(option, target, err) : ERR_OK;
}

static int refuse_unknown(const struct config_section *section, const struct config_at *at,
                          const struct scalar *key, yaml_node_t *node, struct err_text *err)
{
    char text[CONFIG_EXPECT_SIZE];
    struct config_at unknown;
    nearest_key(section, key->text, text, sizeof(text));
    config_at_key(at, key->text, NULL, &unknown);
    unknown.line = node->start_mark.line + 1;
    return config_error(&unknown, err, text);
}

/* Finds each row's value; refuses unknown and double keys. */
static int match_keys(const struct config_section *section, const struct config_at *at,
                      yaml_node_t *values[CONFIG_OPTIONS_MAX], struct err_text *err)
{
    size_t lines[CONFIG_OPTIONS_MAX] = {0};
    yaml_node_pair_t *end = at->node->data.mapping.pairs.top;
    for (yaml_node_pair_t *pair = at->node->data.mapping.pairs.start; pair < end; pair++) {
        struct scalar key;
        yaml_node_t *node = yaml_document_get_node(&at->document->yaml, pair->key);
        if (!config_node_scalar(node, &key)) {
            return config_error(at, err, "a key that is no text");
        }
        const struct config_option *option = option_named(section, key.text);
        if (!option) {
            return refuse_unknown(section, at, &key, node, err);
        }
        size_t row = (size_t)(option - section->options);
        if (values[row]) {
            char text[64];
            struct config_at twice;
            config_at_key(at, key.text, NULL, &twice);
            twice.line = node->start_mark.line + 1;
            (void)snprintf(text, sizeof(text), "given twice, first in line %zu", lines[row]);
            return config_error(&twice, err, text);
        }
        values[row] = yaml_document_get_node(&at->document->yaml, pair->value);
        lines[row] = node->start_mark.line + 1;
    }
    return ERR_OK;
}

static int walk_section(const struct config_section *section, const struct config_at *at,
                        void *target, struct err_text *err)
{
    yaml_node_t *values[CONFIG_OPTIONS_MAX] = {NULL};
    if (at->node->type != YAML_MAPPING_NODE) {
        return config_error(at, err, "not a section, expected lines like 'key: value'");
    }
    int rc = match_keys(section, at, values, err);
    for (size_t i = 0; rc == ERR_OK && i < section->option_count; i++) {
        const struct config_option *option = &section->options[i];
        if (values[i]) {
            struct config_at inner;
            config_at_key(at, option->key, values[i], &inner);
            rc = walk_given(option, &inner, target, err);
        } else {
            rc = walk_absent(option, at, target, err);
        }
    }
    if (rc == ERR_OK && section->check) {
        rc = section->check(target, at, err);
    }
    return rc;
}

/* NOLINTEND(misc-no-recursion) */

int config_parse(const char *name, const char *text, size_t size,
                 const struct config_section *section, void *out, struct err_text *err)
{
    struct config_document document;
    assert(config_section_check(section, NULL) == ERR_OK);
    int rc = config_document_open(&document, name, text, size, err);
    if (rc != ERR_OK) {
        return rc;
    }
    void *scratch = calloc(1, section->size);
    if (scratch) {
        struct config_at root;
        config_at_root(&document, &root);
        rc = walk_section(section, &root, scratch, err);
    } else {
        rc = err_set(err, ERR_NO_MEMORY, "%s: out of memory", name);
    }
    if (rc == ERR_OK) {
        memcpy(out, scratch, section->size);
    }
    free(scratch);
    config_document_close(&document);
    return rc;
}

int config_load(const char *path, const struct config_section *section, void *out,
                struct err_text *err)
{
    uint8_t *text = NULL;
    size_t size;
    int rc = file_read(path, CONFIG_FILE_MAX_BYTES, &text, &size, err);
    if (rc == ERR_OK) {
        rc = config_parse(path, (const char *)text, size, section, out, err);
    }
    free(text);
    return rc;
}

/* Follows "lanes[2].barrier.baud" down from `at`, as far as it is written. */
static void find_place(const struct config_at *at, const char *key, struct config_at *out)
{
    *out = *at;
    while (*key) {
        struct config_at here = *out;
        if (*key == '[') {
            char *end;
            size_t index = strtoul(key + 1, &end, 10);
            yaml_node_t *node = NULL;
            if (here.node && here.node->type == YAML_SEQUENCE_NODE &&
                here.node->data.sequence.items.start + index < here.node->data.sequence.items.top) {
                node = yaml_document_get_node(&at->document->yaml,
                                              here.node->data.sequence.items.start[index]);
            }
            config_at_item(&here, index, node, out);
            key = *end == ']' ? end + 1 : end + strlen(end);
        } else {
            char name[65];
            size_t n = strcspn(key, ".[");
            (void)snprintf(name, sizeof(name), "%.*s", (int)n, key); /* our own key: fits */
            config_at_key(&here, name, config_node_find(&here, name), out);
            key += n;
        }
        key += *key == '.';
    }
}

int config_refuse(const struct config_at *at, const char *key, struct err_text *err,
                  const char *fmt, ...)
{
    struct config_at place;
    char reason[CONFIG_EXPECT_SIZE];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(reason, sizeof(reason), fmt, args); /* a cut reason is still a reason */
    va_end(args);
    find_place(at, key, &place);
    return config_error(&place, err, reason);
}

int config_line(const struct config_at *at, const char *key)
{
    struct config_at place;
    find_place(at, key, &place);
    return (int)place.line;
}
