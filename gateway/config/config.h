/*
 * Configuration: YAML text -> a C struct, by a table. A program states its options once, as rows of
 * struct config_option; the walker checks types, ranges, names, unknown and double keys, fills in
 * the defaults and says what is wrong as `file:line: lanes[2].barrier.baud = '9601': reason,
 * expected …`. Load whole, check whole, swap: the target is untouched on failure. Blocks on the
 * disk; allocates while loading only. Any thread. How to use it: README.md in this folder.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "gateway/base/err.h"

enum {
    CONFIG_FILE_MAX_BYTES = 1024 * 1024,
    CONFIG_DEPTH_MAX = 16,      /* sections and lists inside each other */
    CONFIG_NODES_MAX = 50000,   /* keys, values, sections and lists of a file */
    CONFIG_OPTIONS_MAX = 64,    /* rows of a section */
    CONFIG_TEXT_MAX = 4096,     /* bytes of one value */
    CONFIG_PATH_TEXT_SIZE = 256 /* "lanes[2].barrier.baud" */
};

enum config_kind {
    CONFIG_STRING,   /* char[N]: text of min..max bytes, NUL-terminated; max 0 = N - 1 */
    CONFIG_PATH,     /* char[N]: absolute path without ".." */
    CONFIG_INT,      /* integer of 1, 2, 4 or 8 bytes; min..max, or one of `only` */
    CONFIG_BOOL,     /* bool: true or false, nothing else */
    CONFIG_DURATION, /* integer of 4 or 8 bytes, milliseconds; written 250ms, 3s, 5min, 12h, 30d */
    CONFIG_ENUM,     /* enum or integer: one of `names` */
    CONFIG_SET,      /* unsigned integer: one or a list of `names`, their values ORed */
    CONFIG_FLAGS,    /* the same with 1 << value: `names` may be those of an ENUM */
    CONFIG_NUMBERS,  /* uint8_t[N]: bitmap of a number or a list of them; bit v%8 of byte v/8 */
    CONFIG_IP,       /* struct config_ip */
    CONFIG_MAC,      /* uint8_t[6], written 02:00:5e:00:53:01 */
    CONFIG_HEX,      /* uint8_t[N]: exactly 2N hex digits */
    CONFIG_CUSTOM,   /* anything one value says, by `parse` */
    CONFIG_SECTION,  /* struct: `section` */
    CONFIG_LIST      /* array of fixed capacity: of `section`, or of scalars like `item` */
};

struct config_name {
    const char *name;
    int64_t value;
};

struct config_ip {
    uint8_t family;    /* 4 or 6; 0 = not given */
    uint8_t bytes[16]; /* network order, the first 4 of them for IPv4 */
};

struct config_section;

/* One row. Use the CONFIG_OPTION and CONFIG_ARRAY macros, which fill in offsets and sizes. */
struct config_option {
    const char *key;
    enum config_kind kind;
    size_t offset; /* of the member */
    size_t size;   /* of the member, bytes */
    bool required;
    const char *fallback; /* the default, written as in the file; NULL = member stays zero */
    int64_t min; /* INT, NUMBERS: value; DURATION: ms; STRING: bytes; LIST: items. 0,0 = any that */
    int64_t max; /* fits the member */
    const char *unit;                /* INT: "bit/s", for errors and help */
    const int64_t *only;             /* INT: the allowed values, instead of min..max */
    size_t only_count;               /* number of those */
    const struct config_name *names; /* ENUM, SET, FLAGS: up to a row without a name */
    const char *what;                /* "a standard rate": for the reason "not a standard rate" */
    /* CUSTOM: NULL when `text` (NUL-terminated UTF-8) was stored to `member`, else the reason
     * ("not a time of day, expected like 22:30"). */
    const char *(*parse)(const char *text, void *member);
    const struct config_section *section; /* SECTION, LIST */
    const struct config_option *item;     /* LIST of scalars: kind and limits; offset 0 */
    size_t count_offset;                  /* LIST: of its size_t count */
    bool has_seen;                        /* a bool says whether the file gave this option */
    size_t seen_offset;
    const char *help; /* one sentence for the manual */
};

/* Where a section stands in the file, for its `check`. */
struct config_at;

struct config_section {
    const struct config_option *options;
    size_t option_count;
    size_t size;        /* of the struct, bytes */
    const char *unique; /* LIST of this: key of an option whose value must differ between items */
    /* What rows cannot say; called when everything inside is filled in. Returns 0 or what
     * config_refuse() returned. May be NULL; may also complete the struct (derived values). */
    int (*check)(void *section, const struct config_at *at, struct err_text *err);
};

#define CONFIG_OPTION(type, member, key_, kind_, ...)                                              \
    {                                                                                              \
        .key = (key_), .kind = (kind_), .offset = offsetof(type, member),                          \
        .size = sizeof(((type *)0)->member), __VA_ARGS__                                           \
    }
#define CONFIG_ARRAY(type, member, count_member, key_, ...)                                        \
    {                                                                                              \
        .key = (key_), .kind = CONFIG_LIST, .offset = offsetof(type, member),                      \
        .size = sizeof(((type *)0)->member), .count_offset = offsetof(type, count_member),         \
        __VA_ARGS__                                                                                \
    }
#define CONFIG_ONLY(...)                                                                           \
    .only = (const int64_t[]){__VA_ARGS__},                                                        \
    .only_count = sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t)
#define CONFIG_SEEN(type, member) .has_seen = true, .seen_offset = offsetof(type, member)
#define CONFIG_ROWS(table, type)                                                                   \
    .options = (table), .option_count = sizeof(table) / sizeof((table)[0]), .size = sizeof(type)

/* Reads and checks the file at `path`; *out (section->size bytes) is written on success only.
 * ERR_NOT_FOUND, ERR_IO, ERR_TOO_LARGE, ERR_NO_MEMORY, ERR_INVALID. */
int config_load(const char *path, const struct config_section *section, void *out,
                struct err_text *err) MUST_CHECK;
/* The same for text in memory; `name` stands for the file in errors. */
int config_parse(const char *name, const char *text, size_t size,
                 const struct config_section *section, void *out, struct err_text *err) MUST_CHECK;

/* Refuses a value from a `check`: `key` is the path from its section ("baud", "lanes[2].id", "" for
 * the section itself). Sets `file:line: path = 'value': reason`. Returns ERR_INVALID. */
int config_refuse(const struct config_at *at, const char *key, struct err_text *err,
                  const char *fmt, ...) PRINTF_LIKE(4, 5);
/* For a fault found after the load, in what the configuration names: puts the option it is about
 * before the text, `file:line: key = 'value': reason`. That is the option the text begins with
 * ("cameras[2]: …"), or below it the one whose value the text quotes ("profile 'x': …") or begins
 * with ("/etc/x.pem: …"); `section` gives the defaults. A text about none gets the file's name. */
void config_blame(const char *path, const struct config_section *section, struct err_text *err);
/* The line (from 1) at which an option stands, that of its section when it is not written. */
int config_line(const struct config_at *at, const char *key);

/* The table as manual text: every option with its type, range, default and help. */
void config_print(const struct config_section *section, FILE *to);
/* Checks the table itself: keys, sizes, limits, defaults. For a test of each table; config_parse
 * asserts it in debug builds. ERR_INVALID; `err` names the row. */
int config_section_check(const struct config_section *section, struct err_text *err) MUST_CHECK;
/* "192.0.2.1", "2001:db8::1", "" for none; out has 46 bytes. */
void config_ip_format(const struct config_ip *ip, char out[46]);
