/*
 * Every term an officer reads, in Chinese and English: glossary.def. C looks terms up here, the
 * console's pages get the same table as /glossary.js, made at build time. Codes are lower_snake
 * with a group's prefix (stage_signed, boom_open); {name} in a term is filled in by who shows it.
 * Operator events keep their own catalogue (gateway/base/events.def).
 */
#pragma once

#include <stddef.h>

struct glossary_term {
    const char *code;
    const char *zh;
    const char *en;
};

/* In the order of glossary.def. */
const struct glossary_term *glossary_table(size_t *out_count);
/* NULL: no such term. */
const struct glossary_term *glossary_find(const char *code);
/* Of "<group>_<name>", such as ("boom", "open"): what an enumeration's name means. NULL when there
 * is no such term or `name` is NULL. */
const struct glossary_term *glossary_of(const char *group, const char *name);
