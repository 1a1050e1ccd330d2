/*
 * Names the option behind a fault that was found after the load: in a file the configuration names,
 * or in a device built from it. Reads the file once more; runs only when a program refuses to
 * start. No state.
 */
#include <stdlib.h>
#include <string.h>

#include "gateway/base/file.h"
#include "gateway/config/document.h"

/* The reason as it stands behind a value: without the value itself where that was just shown whole.
 */
static const char *reason_behind(const char *text, const struct scalar *value)
{
    size_t quote = text[0] == '\'' ? 1 : 0;
    const char *behind = text + quote + value->length + quote;
    bool repeats = value->length <= CONFIG_SHOWN_BYTES &&
                   strncmp(text + quote, value->text, value->length) == 0 &&
                   (quote == 0 || behind[-1] == '\'') && strncmp(behind, ": ", 2) == 0;
    return repeats ? behind + 2 : text;
}

/* How a text can be about a value; VALUE_MIN_BYTES: shorter ones meet by accident. */
enum { VALUE_MIN_BYTES = 3 };
typedef bool (*about_fn)(const char *text, const struct scalar *value);

/* "profile 'genric': unknown" */
static bool quotes_value(const char *text, const struct scalar *value)
{
    for (const char *at = strchr(text, '\''); at; at = strchr(at + 1, '\'')) {
        if (strncmp(at + 1, value->text, value->length) == 0 && at[1 + value->length] == '\'')
            return value->length >= VALUE_MIN_BYTES;
    }
    return false;
}

/* "/etc/checkpoint/x.pem: no such file": a path, with what follows one in an error. */
static bool begins_with_value(const char *text, const struct scalar *value)
{
    return value->length >= VALUE_MIN_BYTES && value->text[0] == '/' &&
           strncmp(text, value->text, value->length) == 0 &&
           (text[value->length] == ':' || text[value->length] == '/');
}

/* Depth is bounded by CONFIG_DEPTH_MAX when the document is opened. */
/* NOLINTNEXTLINE(misc-no-recursion): see above */
static bool find_value(const struct config_at *at, const char *text, about_fn is_about,
                       struct config_at *out)
{
    struct scalar scalar;
    struct config_at inner;
    if (!at->node)
        return false;
    if (config_node_scalar(at->node, &scalar)) {
        *out = *at;
        return is_about(text, &scalar);
    }
    bool found = false;
    if (at->node->type == YAML_SEQUENCE_NODE) {
        yaml_node_item_t *items = at->node->data.sequence.items.start;
        size_t count = (size_t)(at->node->data.sequence.items.top - items);
        for (size_t i = 0; i < count && !found; i++) {
            config_at_item(at, i, yaml_document_get_node(&at->document->yaml, items[i]), &inner);
            found = find_value(&inner, text, is_about, out);
        }
        return found;
    }
    yaml_node_pair_t *end = at->node->data.mapping.pairs.top;
    for (yaml_node_pair_t *pair = at->node->data.mapping.pairs.start; pair < end && !found;
         pair++) {
        yaml_node_t *name = yaml_document_get_node(&at->document->yaml, pair->key);
        if (config_node_scalar(name, &scalar)) {
            config_at_key(at, scalar.text, yaml_document_get_node(&at->document->yaml, pair->value),
                          &inner);
            found = find_value(&inner, text, is_about, out);
        }
    }
    return found;
}

/* "lanes[0].devices[1]: reason": the key's length when the file has its first name, else 0. */
static size_t leading_key(const struct config_at *root, const char *text)
{
    static const char in_key[] = "abcdefghijklmnopqrstuvwxyz0123456789_.[]";
    char first[CONFIG_PATH_TEXT_SIZE];
    size_t length = strspn(text, in_key);
    size_t n = strcspn(text, ".[:");
    if (length == 0 || strncmp(text + length, ": ", 2) != 0 || n >= sizeof(first))
        return 0;
    memcpy(first, text, n);
    first[n] = '\0';
    return config_node_find(root, first) ? length : 0;
}

/* False when nothing in the document has to do with the text. */
static bool blame_document(struct config_document *document, struct err_text *err)
{
    struct config_at root;
    struct config_at place;
    struct scalar scalar;
    char key[CONFIG_PATH_TEXT_SIZE] = "";
    struct err_text all = *err;
    config_at_root(document, &root);
    size_t length = leading_key(&root, all.text);
    const char *text = all.text + (length > 0 ? length + 2 : 0);
    if (length >= sizeof(key))
        return false;
    memcpy(key, all.text, length);
    static const about_fn ways[] = {quotes_value, begins_with_value};
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        if (find_value(&root, text, ways[i], &place) && strncmp(place.path, key, length) == 0 &&
            config_node_scalar(place.node, &scalar))
            return config_error(&place, err, reason_behind(text, &scalar)) != ERR_OK;
    }
    return length > 0 && config_refuse(&root, key, err, "%s", text) != ERR_OK;
}

/* An option that is not written has its default: said with the key, without a line. */
static void blame_default(const char *path, const struct config_section *section,
                          struct err_text *err)
{
    const struct err_text reason = *err;
    for (size_t i = 0; i < section->option_count; i++) {
        const struct config_option *option = &section->options[i];
        struct scalar value = {option->fallback, option->fallback ? strlen(option->fallback) : 0,
                               true};
        if (option->fallback && begins_with_value(reason.text, &value)) {
            (void)err_set(err, ERR_INVALID, "%s: %s = '%s' (the default): %s", path, option->key,
                          option->fallback,
                          reason_behind(reason.text, &value)); /* the code again */
            return;
        }
    }
    (void)err_prefix(err, ERR_INVALID, "%s", path); /* returns the code it was given */
}

void config_blame(const char *path, const struct config_section *section, struct err_text *err)
{
    uint8_t *text = NULL;
    size_t size = 0;
    struct config_document document;
    bool blamed = false;
    /* A file that went away since it was loaded: the fault is told without its line. */
    if (file_read(path, CONFIG_FILE_MAX_BYTES, &text, &size, NULL) == ERR_OK &&
        config_document_open(&document, path, (const char *)text, size, NULL) == ERR_OK) {
        blamed = blame_document(&document, err);
        config_document_close(&document);
    }
    free(text);
    if (!blamed)
        blame_default(path, section, err);
}
