/*
 * A checked YAML document and the places in it. The event pass refuses what the composer would
 * hide (anchors, tags, further documents) or pay for (depth, size), before anything is composed.
 */
#include "gateway/config/document.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static int refuse_line(const char *file, size_t line, int code, struct err_text *err,
                       const char *reason)
{
    return err_set(err, code, "%s:%zu: %s", file, line, reason);
}

static size_t line_of_offset(const char *text, size_t size, size_t offset)
{
    size_t line = 1;
    for (size_t i = 0; i < offset && i < size; i++) {
        line += text[i] == '\n';
    }
    return line;
}

static int refuse_syntax(const char *file, const yaml_parser_t *parser, const char *text,
                         size_t size, struct err_text *err)
{
    if (parser->error == YAML_MEMORY_ERROR) {
        return err_set(err, ERR_NO_MEMORY, "%s: out of memory", file);
    }
    if (parser->error == YAML_READER_ERROR) {
        return err_set(err, ERR_INVALID, "%s:%zu: not UTF-8 text: %s", file,
                       line_of_offset(text, size, parser->problem_offset), parser->problem);
    }
    return err_set(err, ERR_INVALID, "%s:%zu: not YAML: %s%s%s", file,
                   parser->problem_mark.line + 1, parser->problem ? parser->problem : "unknown",
                   parser->context ? " " : "", parser->context ? parser->context : "");
}

struct scan {
    const char *file;
    int documents;
    int depth;
    int nodes;
};

/* Why an event is refused, NULL when it is not. */
static const char *scan_event(struct scan *scan, const yaml_event_t *event, int *out_code)
{
    const yaml_char_t *anchor = NULL;
    const yaml_char_t *tag = NULL;
    *out_code = ERR_INVALID;
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        return ++scan->documents > 1 ? "a second document, expected one" : NULL;
    case YAML_ALIAS_EVENT:
        return "an alias (*name), expected the value itself";
    case YAML_SCALAR_EVENT:
        anchor = event->data.scalar.anchor;
        tag = event->data.scalar.tag;
        if (event->data.scalar.length > CONFIG_TEXT_MAX) {
            *out_code = ERR_TOO_LARGE;
            return "a value of more than 4096 bytes";
        }
        if (memchr(event->data.scalar.value, '\0', event->data.scalar.length)) {
            return "a NUL character in a value";
        }
        break;
    case YAML_SEQUENCE_START_EVENT:
        anchor = event->data.sequence_start.anchor;
        tag = event->data.sequence_start.tag;
        scan->depth++;
        break;
    case YAML_MAPPING_START_EVENT:
        anchor = event->data.mapping_start.anchor;
        tag = event->data.mapping_start.tag;
        scan->depth++;
        break;
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        scan->depth--;
        return NULL;
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_END_EVENT:
        return NULL;
    }
    if (anchor || tag) {
        return anchor ? "an anchor (&name), expected none" : "a tag (!name), expected none";
    }
    *out_code = ERR_TOO_LARGE;
    if (scan->depth > CONFIG_DEPTH_MAX) {
        return "more than 16 levels inside each other";
    }
    return ++scan->nodes > CONFIG_NODES_MAX ? "more than 50000 values" : NULL;
}

static void set_input(yaml_parser_t *parser, const char *text, size_t size)
{
    yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(parser, (const unsigned char *)text, size);
}

static int scan_text(const char *file, const char *text, size_t size, struct err_text *err)
{
    struct scan scan = {.file = file};
    yaml_parser_t parser;
    bool end = false;
    int rc = ERR_OK;
    if (!yaml_parser_initialize(&parser)) {
        return err_set(err, ERR_NO_MEMORY, "%s: out of memory", file);
    }
    set_input(&parser, text, size);
    while (rc == ERR_OK && !end) {
        yaml_event_t event;
        if (!yaml_parser_parse(&parser, &event)) {
            rc = refuse_syntax(file, &parser, text, size, err);
            break;
        }
        int code;
        const char *reason = scan_event(&scan, &event, &code);
        if (reason) {
            rc = refuse_line(file, event.start_mark.line + 1, code, err, reason);
        }
        end = event.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    if (rc == ERR_OK && scan.documents == 0) {
        rc = refuse_line(file, 1, ERR_INVALID, err, "an empty file, expected options");
    }
    return rc;
}

int config_document_open(struct config_document *out, const char *file, const char *text,
                         size_t size, struct err_text *err)
{
    yaml_parser_t parser;
    if (size > CONFIG_FILE_MAX_BYTES) {
        return err_set(err, ERR_TOO_LARGE, "%s: %zu bytes, limit %d", file, size,
                       CONFIG_FILE_MAX_BYTES);
    }
    int rc = scan_text(file, text, size, err);
    if (rc != ERR_OK) {
        return rc;
    }
    if (!yaml_parser_initialize(&parser)) {
        return err_set(err, ERR_NO_MEMORY, "%s: out of memory", file);
    }
    set_input(&parser, text, size);
    out->file = file;
    if (!yaml_parser_load(&parser, &out->yaml)) {
        rc = refuse_syntax(file, &parser, text, size, err);
    }
    yaml_parser_delete(&parser);
    return rc;
}

void config_document_close(struct config_document *document)
{
    yaml_document_delete(&document->yaml);
}

void config_at_root(struct config_document *document, struct config_at *out)
{
    out->document = document;
    out->node = yaml_document_get_root_node(&document->yaml);
    out->line = out->node ? out->node->start_mark.line + 1 : 1;
    out->path[0] = '\0';
}

static void at_step(const struct config_at *at, yaml_node_t *node, struct config_at *out)
{
    out->document = at->document;
    out->node = node;
    out->line = node ? node->start_mark.line + 1 : at->line;
}

/* A path of absurdly long keys is cut. */
static void append_path(char path[CONFIG_PATH_TEXT_SIZE], const char *text)
{
    size_t at = strlen(path);
    size_t n = strnlen(text, CONFIG_PATH_TEXT_SIZE - 1 - at);
    memcpy(path + at, text, n);
    path[at + n] = '\0';
}

void config_at_key(const struct config_at *at, const char *key, yaml_node_t *node,
                   struct config_at *out)
{
    at_step(at, node, out);
    memcpy(out->path, at->path, sizeof(out->path));
    append_path(out->path, at->path[0] ? "." : "");
    append_path(out->path, key);
}

void config_at_item(const struct config_at *at, size_t index, yaml_node_t *node,
                    struct config_at *out)
{
    char item[24];
    (void)snprintf(item, sizeof(item), "[%zu]", index); /* fits */
    at_step(at, node, out);
    memcpy(out->path, at->path, sizeof(out->path));
    append_path(out->path, item);
}

yaml_node_t *config_node_find(const struct config_at *at, const char *key)
{
    if (!at->node || at->node->type != YAML_MAPPING_NODE) {
        return NULL;
    }
    yaml_node_pair_t *end = at->node->data.mapping.pairs.top;
    for (yaml_node_pair_t *pair = at->node->data.mapping.pairs.start; pair < end; pair++) {
        struct scalar scalar;
        yaml_node_t *name = yaml_document_get_node(&at->document->yaml, pair->key);
        if (config_node_scalar(name, &scalar) && strcmp(scalar.text, key) == 0) {
            return yaml_document_get_node(&at->document->yaml, pair->value);
        }
    }
    return NULL;
}

bool config_node_scalar(const yaml_node_t *node, struct scalar *out)
{
    if (!node || node->type != YAML_SCALAR_NODE) {
        return false;
    }
    out->text = (const char *)node->data.scalar.value; /* libyaml ends it with a NUL */
    out->length = node->data.scalar.length;
    out->quoted = node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    return true;
}

/* A value as it may stand in an error: no control characters, at most CONFIG_SHOWN_BYTES of whole
 * characters. */
static void show_value(const struct scalar *scalar, char out[CONFIG_SHOWN_BYTES + 12])
{
    size_t n = scalar->length;
    bool cut = n > CONFIG_SHOWN_BYTES;
    if (cut) {
        n = CONFIG_SHOWN_BYTES;
        while (n > 0 && ((unsigned char)scalar->text[n] & 0xC0) == 0x80) {
            n--;
        }
    }
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)scalar->text[i];
        out[i] = (char)(c < 0x20 || c == 0x7F ? '?' : c);
    }
    memcpy(out + n, cut ? "…" : "", cut ? sizeof("…") : 1);
}

int config_error(const struct config_at *at, struct err_text *err, const char *reason)
{
    struct scalar scalar;
    const char *file = at->document->file;
    if (config_node_scalar(at->node, &scalar)) {
        char value[CONFIG_SHOWN_BYTES + 12];
        show_value(&scalar, value);
        return err_set(err, ERR_INVALID, "%s:%zu: %s = '%s': %s", file, at->line, at->path, value,
                       reason);
    }
    return err_set(err, ERR_INVALID, "%s:%zu: %s%s%s", file, at->line, at->path,
                   at->path[0] ? ": " : "", reason);
}
