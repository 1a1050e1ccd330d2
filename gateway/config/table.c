/*
 * The option table itself: its self-check, and its form as manual text. No state.
 */
#include <string.h>

#include "gateway/config/config.h"
#include "gateway/config/scalar.h"

enum { SCRATCH_BYTES = CONFIG_TEXT_MAX };

static int refuse_row(const struct config_option *option, struct err_text *err, const char *reason)
{
    return err_set(err, ERR_INVALID, "table row '%s': %s", option->key, reason);
}

static const char *names_fault(const struct config_option *option, bool integer)
{
    if (!integer || !option->names) {
        return "no names, or member is no integer";
    }
    for (const struct config_name *name = option->names; name->name; name++) {
        if (option->kind == CONFIG_FLAGS &&
            (name->value < 0 || name->value >= (int64_t)option->size * 8)) {
            return "name outside the flags";
        }
        if (option->kind != CONFIG_FLAGS &&
            !scalar_range_fits(name->value, name->value, option->size)) {
            return "name does not fit the member";
        }
    }
    return NULL;
}

static const char *size_fault(const struct config_option *option)
{
    size_t size = option->size;
    bool integer = size == 1 || size == 2 || size == 4 || size == 8;
    int64_t min;
    int64_t max;
    switch (option->kind) {
    case CONFIG_STRING:
    case CONFIG_PATH:
        return size < 2 || size > CONFIG_TEXT_MAX || option->max >= (int64_t)size
                   ? "text size outside its array"
                   : NULL;
    case CONFIG_INT:
    case CONFIG_DURATION:
        if (!integer || (option->kind == CONFIG_DURATION && size < 4)) {
            return "member is no integer of that kind";
        }
        scalar_range(option, &min, &max);
        return min > max || !scalar_range_fits(min, max, size) ? "range does not fit the member"
                                                               : NULL;
    case CONFIG_NUMBERS:
        return option->min < 0 || option->max >= (int64_t)size * 8 ? "range outside the bitmap"
                                                                   : NULL;
    case CONFIG_BOOL:
        return size == sizeof(bool) ? NULL : "member is no bool";
    case CONFIG_ENUM:
    case CONFIG_SET:
    case CONFIG_FLAGS:
        return names_fault(option, integer);
    case CONFIG_IP:
        return size == sizeof(struct config_ip) ? NULL : "member is no struct config_ip";
    case CONFIG_MAC:
        return size == 6 ? NULL : "member is not six bytes";
    case CONFIG_HEX:
        return size > 0 && 2 * size <= CONFIG_TEXT_MAX ? NULL : "too many bytes";
    case CONFIG_CUSTOM:
        return option->parse ? NULL : "no parse function";
    case CONFIG_SECTION:
        return option->section && option->section->size == size ? NULL
                                                                : "section of another struct";
    case CONFIG_LIST:
        if (!option->section == !option->item) {
            return "needs either section or item";
        }
        size = option->section ? option->section->size : option->item->size;
        return size == 0 || option->size % size != 0 || option->max > (int64_t)(option->size / size)
                   ? "array does not hold whole items"
                   : NULL;
    }
    return "unknown kind";
}

static int check_fallback(const struct config_option *option, struct err_text *err)
{
    uint8_t scratch[SCRATCH_BYTES] = {0};
    struct err_text reason;
    bool quoted = option->kind == CONFIG_STRING || option->kind == CONFIG_PATH;
    if (!option->fallback) {
        return ERR_OK;
    }
    if (option->required || option->size > sizeof(scratch)) {
        return refuse_row(option, err, "required and a default");
    }
    struct scalar scalar = {option->fallback, strlen(option->fallback), quoted};
    if (scalar_store(option, &scalar, scratch, &reason) != ERR_OK) {
        return err_set(err, ERR_INVALID, "table row '%s': default '%s': %s", option->key,
                       option->fallback, reason.text);
    }
    return ERR_OK;
}

static bool has_required(const struct config_section *section)
{
    for (size_t i = 0; i < section->option_count; i++) {
        if (section->options[i].required) {
            return true;
        }
    }
    return false;
}

/* NOLINTBEGIN(misc-no-recursion): as deep as our own tables */
static int check_row(const struct config_section *section, size_t row, struct err_text *err)
{
    const struct config_option *option = &section->options[row];
    const char *fault = size_fault(option);
    if (fault) {
        return refuse_row(option, err, fault);
    }
    if (option->offset + option->size > section->size) {
        return refuse_row(option, err, "member outside the struct");
    }
    for (size_t i = 0; i < row; i++) {
        if (strcmp(section->options[i].key, option->key) == 0) {
            return refuse_row(option, err, "two rows with one key");
        }
    }
    if (!option->help) {
        return refuse_row(option, err, "no help");
    }
    if (option->kind == CONFIG_SECTION && !option->required && !option->has_seen &&
        has_required(option->section)) {
        return refuse_row(option, err, "optional section with required rows needs CONFIG_SEEN");
    }
    int rc = check_fallback(option, err);
    if (rc == ERR_OK && option->section) {
        rc = config_section_check(option->section, err);
    }
    return rc;
}

int config_section_check(const struct config_section *section, struct err_text *err)
{
    bool unique_found = !section->unique;
    if (section->option_count > CONFIG_OPTIONS_MAX) {
        return err_set(err, ERR_INVALID, "table with more than %d rows", CONFIG_OPTIONS_MAX);
    }
    for (size_t i = 0; i < section->option_count; i++) {
        int rc = check_row(section, i, err);
        if (rc != ERR_OK) {
            return rc;
        }
        unique_found = unique_found || strcmp(section->options[i].key, section->unique) == 0;
    }
    return unique_found ? ERR_OK
                        : err_set(err, ERR_INVALID, "unique key '%s' is no row", section->unique);
}

static void print_kind(const struct config_option *option, FILE *to)
{
    char expect[CONFIG_EXPECT_SIZE];
    if (option->kind == CONFIG_LIST) {
        size_t stride = option->section ? option->section->size : option->item->size;
        long long max =
            option->max > 0 ? (long long)option->max : (long long)(option->size / stride);
        fprintf(to, "list of %lld to %lld", (long long)option->min, max);
        if (!option->section) {
            scalar_expect(option->item, expect);
            fprintf(to, ", each %s", expect);
        }
        return;
    }
    scalar_expect(option, expect);
    fprintf(to, "%s%s", expect, option->kind == CONFIG_NUMBERS ? ", one or a list" : "");
}

static void print_section(const struct config_section *section, const char *prefix, FILE *to)
{
    for (size_t i = 0; i < section->option_count; i++) {
        const struct config_option *option = &section->options[i];
        char path[CONFIG_PATH_TEXT_SIZE];
        (void)snprintf(path, sizeof(path), "%s%s%s%s", prefix, prefix[0] ? "." : "", /* our keys */
                       option->key, option->kind == CONFIG_LIST ? "[]" : "");
        fprintf(to, "%s: ", path);
        print_kind(option, to);
        if (option->required) {
            fprintf(to, "; required");
        } else if (option->fallback) {
            fprintf(to, "; default %s", option->fallback[0] ? option->fallback : "empty");
        } else if (option->kind != CONFIG_LIST && option->kind != CONFIG_SECTION) {
            fprintf(to, "; optional");
        }
        fprintf(to, "\n    %s\n", option->help);
        if (option->section) {
            print_section(option->section, path, to);
        }
    }
}

/* NOLINTEND(misc-no-recursion) */

void config_print(const struct config_section *section, FILE *to)
{
    print_section(section, "", to);
}
