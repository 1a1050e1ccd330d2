/*
 * The arguments of one sub-command, as a table: from its rows come the parsing, the checks, the
 * error texts and the manual text of --help, so that there is no second place for any of them.
 * Pure but for what it prints; main thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "gateway/base/err.h"

enum arg_kind {
    ARG_FLAG,   /* bool */
    ARG_TEXT,   /* const char * */
    ARG_NUMBER, /* int64_t, min .. max */
    ARG_TEXTS   /* const char *[max], with a size_t count */
};

/* One option "--name". Values are borrowed from argv. */
struct arg_option {
    const char *name;  /* without the dashes */
    const char *value; /* what help calls the value ("FILE"); NULL for a flag */
    enum arg_kind kind;
    void *target;
    int64_t min;   /* NUMBER */
    int64_t max;   /* NUMBER; TEXTS: room of the array */
    size_t *count; /* TEXTS */
    bool required;
    const char *help; /* one or two sentences, defaults included */
};

/* Rows of such a table. */
#define ARG_OPTION_FLAG(option, to, text)                                                          \
    {                                                                                              \
        .name = (option), .kind = ARG_FLAG, .target = (to), .help = (text)                         \
    }
#define ARG_OPTION_TEXT(option, what, to, text)                                                    \
    {                                                                                              \
        .name = (option), .value = (what), .kind = ARG_TEXT, .target = (to), .help = (text)        \
    }
#define ARG_OPTION_TEXT_NEEDED(option, what, to, text)                                             \
    {                                                                                              \
        .name = (option), .value = (what), .kind = ARG_TEXT, .target = (to), .required = true,     \
        .help = (text)                                                                             \
    }
#define ARG_OPTION_TEXTS_NEEDED(option, what, to, room, counter, text)                             \
    {                                                                                              \
        .name = (option), .value = (what), .kind = ARG_TEXTS, .target = (to), .max = (room),       \
        .count = (counter), .required = true, .help = (text)                                       \
    }
#define ARG_OPTION_TEXTS(option, what, to, room, counter, text)                                    \
    {                                                                                              \
        .name = (option), .value = (what), .kind = ARG_TEXTS, .target = (to), .max = (room),       \
        .count = (counter), .help = (text)                                                         \
    }
#define ARG_OPTION_NUMBER(option, what, to, least, most, text)                                     \
    {                                                                                              \
        .name = (option), .value = (what), .kind = ARG_NUMBER, .target = (to), .min = (least),     \
        .max = (most), .help = (text)                                                              \
    }

struct arg_spec {
    const char *command; /* "hqctl wanted import" */
    const char *purpose; /* one line */
    const char *text;    /* manual text behind the options: DESCRIPTION, FILES, EXAMPLES; or NULL */
    const struct arg_option *options;
    size_t option_count;
    const struct arg_option *common; /* options every command has */
    size_t common_count;
    const char *operands; /* "LIST.csv", "[CHECKPOINT]"; NULL for none */
    size_t operands_min;
    size_t operands_max;
    const char **operand;   /* room for operands_max */
    size_t *operands_count; /* may be NULL */
};

/* Members of a spec: its table, `number` operands that must be there. */
#define ARG_OPTIONS(table) .options = (table), .option_count = sizeof(table) / sizeof((table)[0])
#define ARG_OPERANDS(names, number, to)                                                            \
    .operands = (names), .operands_min = (number), .operands_max = (number), .operand = (to)

enum args_outcome { ARGS_RUN, ARGS_HELP, ARGS_WRONG };

/* Parses argv[1 .. argc). "--" ends the options. ARGS_HELP: --help or -h stood there, nothing was
 * checked. ARGS_WRONG: `err` says what is wrong. */
enum args_outcome args_parse(int argc, char **argv, const struct arg_spec *spec,
                             struct err_text *err);
/* The manual text. */
void args_print_help(const struct arg_spec *spec, FILE *to);
