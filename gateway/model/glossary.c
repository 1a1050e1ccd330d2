/* The officers' terms. A table and its look-up, no state. */
#include "gateway/model/glossary.h"

#include <stdio.h>
#include <string.h>

enum { CODE_SIZE = 64 };

static const struct glossary_term terms[] = {
#define TERM(code_, zh_, en_) {#code_, zh_, en_},
#include "gateway/model/glossary.def"
#undef TERM
};

const struct glossary_term *glossary_table(size_t *out_count)
{
    *out_count = sizeof terms / sizeof terms[0];
    return terms;
}

const struct glossary_term *glossary_find(const char *code)
{
    for (size_t i = 0; i < sizeof terms / sizeof terms[0]; i++)
        if (strcmp(terms[i].code, code) == 0)
            return &terms[i];
    return NULL;
}

const struct glossary_term *glossary_of(const char *group, const char *name)
{
    char code[CODE_SIZE];
    if (!name || snprintf(code, sizeof code, "%s_%s", group, name) >= (int)sizeof code)
        return NULL;
    return glossary_find(code);
}
