/*
 * See args.h. No state.
 */
#include "gateway/hqctl/args.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { HELP_INDENT = 24, HELP_WIDTH = 80 };

static const struct arg_option *find_in(const struct arg_option *options, size_t count,
                                        const char *name, size_t size)
{
    for (size_t i = 0; i < count; i++)
        if (strlen(options[i].name) == size && strncmp(options[i].name, name, size) == 0)
            return &options[i];
    return NULL;
}

static const struct arg_option *find(const struct arg_spec *spec, const char *name, size_t size)
{
    const struct arg_option *own = find_in(spec->options, spec->option_count, name, size);
    return own ? own : find_in(spec->common, spec->common_count, name, size);
}

static int store_number(const struct arg_option *o, const char *value, struct err_text *err)
{
    char *end = NULL;
    errno = 0;
    long long number = strtoll(value, &end, 10);
    bool digits = value[0] != '\0' && value[strspn(value, "-0123456789")] == '\0' && *end == '\0';
    if (!digits || errno != 0 || number < o->min || number > o->max)
        return err_set(err, ERR_INVALID, "--%s = '%s': expected a whole number from %lld to %lld",
                       o->name, value, (long long)o->min, (long long)o->max);
    *(int64_t *)o->target = number;
    return 0;
}

static int store(const struct arg_option *o, const char *value, struct err_text *err)
{
    switch (o->kind) {
    case ARG_FLAG:
        *(bool *)o->target = true;
        return 0;
    case ARG_NUMBER:
        return store_number(o, value, err);
    case ARG_TEXT:
        if (*(const char **)o->target)
            return err_set(err, ERR_INVALID, "--%s = '%s': given twice", o->name, value);
        *(const char **)o->target = value;
        return 0;
    case ARG_TEXTS:
        if (*o->count >= (size_t)o->max)
            return err_set(err, ERR_INVALID, "--%s = '%s': expected at most %lld of them", o->name,
                           value, (long long)o->max);
        ((const char **)o->target)[(*o->count)++] = value;
        return 0;
    }
    return ERR_INVALID;
}

/* One option at argv[*at], with its value; moves *at behind it. */
static int take_option(int argc, char **argv, int *at, const struct arg_spec *spec,
                       struct err_text *err)
{
    const char *name = argv[*at] + 2;
    const char *equals = strchr(name, '=');
    const char *value = equals ? equals + 1 : NULL;
    const struct arg_option *o = find(spec, name, equals ? (size_t)(equals - name) : strlen(name));
    (*at)++;
    if (!o)
        return err_set(err, ERR_INVALID, "unknown option '%s'", argv[*at - 1]);
    if (o->kind == ARG_FLAG && value)
        return err_set(err, ERR_INVALID, "--%s takes no value", o->name);
    if (o->kind != ARG_FLAG && !value) {
        if (*at >= argc)
            return err_set(err, ERR_INVALID, "--%s: missing its value, expected --%s %s", o->name,
                           o->name, o->value);
        value = argv[(*at)++];
    }
    return store(o, value, err);
}

static int check_required(const struct arg_spec *spec, size_t operands, struct err_text *err)
{
    for (size_t i = 0; i < spec->option_count; i++) {
        const struct arg_option *o = &spec->options[i];
        bool given =
            o->kind == ARG_TEXTS ? *o->count > 0 : o->kind != ARG_TEXT || *(const char **)o->target;
        if (o->required && !given)
            return err_set(err, ERR_INVALID, "missing --%s %s", o->name, o->value);
    }
    return operands < spec->operands_min
               ? err_set(err, ERR_INVALID, "missing an argument, expected %s", spec->operands)
               : 0;
}

enum args_outcome args_parse(int argc, char **argv, const struct arg_spec *spec,
                             struct err_text *err)
{
    size_t operands = 0;
    bool options_ended = false;
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return ARGS_HELP;
    for (int at = 1; at < argc;) {
        if (!options_ended && strcmp(argv[at], "--") == 0) {
            options_ended = true;
            at++;
        } else if (!options_ended && argv[at][0] == '-' && argv[at][1] != '\0') {
            if (argv[at][1] != '-') {
                (void)err_set(err, ERR_INVALID, "unknown option '%s'", argv[at]); /* returned */
                return ARGS_WRONG;
            }
            if (take_option(argc, argv, &at, spec, err) != 0)
                return ARGS_WRONG;
        } else if (operands < spec->operands_max) {
            spec->operand[operands++] = argv[at++];
        } else {
            (void)err_set(err, ERR_INVALID, "unexpected argument '%s'", argv[at]); /* returned */
            return ARGS_WRONG;
        }
    }
    if (spec->operands_count)
        *spec->operands_count = operands;
    return check_required(spec, operands, err) == 0 ? ARGS_RUN : ARGS_WRONG;
}

/* Words of `text` from column HELP_INDENT on, wrapped. */
static void print_wrapped(const char *text, FILE *to)
{
    size_t column = HELP_INDENT;
    while (*text) {
        size_t word = strcspn(text, " ");
        if (column > HELP_INDENT && column + 1 + word > HELP_WIDTH) {
            fprintf(to, "\n%*s", HELP_INDENT, "");
            column = HELP_INDENT;
        } else if (column > HELP_INDENT) {
            fputc(' ', to);
            column++;
        }
        fprintf(to, "%.*s", (int)word, text);
        column += word;
        text += word + (text[word] == ' ');
    }
    fputc('\n', to);
}

static void print_option(const struct arg_option *o, FILE *to)
{
    int width = fprintf(to, "  --%s%s%s", o->name, o->value ? " " : "", o->value ? o->value : "");
    if (width >= HELP_INDENT)
        fprintf(to, "\n%*s", HELP_INDENT, "");
    else
        fprintf(to, "%*s", HELP_INDENT - width, "");
    print_wrapped(o->help, to);
}

void args_print_help(const struct arg_spec *spec, FILE *to)
{
    fprintf(to, "NAME\n  %s - %s\n\nSYNOPSIS\n  %s", spec->command, spec->purpose, spec->command);
    for (size_t i = 0; i < spec->option_count; i++)
        if (spec->options[i].required)
            fprintf(to, " --%s %s", spec->options[i].name, spec->options[i].value);
    fprintf(to, " [options]%s%s\n\nOPTIONS\n", spec->operands ? " " : "",
            spec->operands ? spec->operands : "");
    for (size_t i = 0; i < spec->option_count; i++)
        print_option(&spec->options[i], to);
    for (size_t i = 0; i < spec->common_count; i++)
        print_option(&spec->common[i], to);
    fprintf(to, "  --help                this text\n");
    if (spec->text)
        fprintf(to, "\n%s", spec->text);
    fprintf(to, "\nEXIT STATUS\n"
                "  0 done, 1 refused or failed, 2 wrong arguments, 78 wrong configuration\n");
}
