/*
 * Prints the officers' terms as the ES module the console's pages import, made from glossary.def:
 * `print_glossary > glossary.js`. Runs during the build; not installed.
 */
#include <stdio.h>

#include "gateway/model/glossary.h"

/* A JavaScript string: the table is ours, but a quote in a term must not end it. */
static void print_text(const char *text)
{
    putchar('"');
    for (const char *at = text; *at != '\0'; at++) {
        if (*at == '"' || *at == '\\')
            putchar('\\');
        putchar(*at);
    }
    putchar('"');
}

int main(void)
{
    size_t count = 0;
    const struct glossary_term *terms = glossary_table(&count);
    puts("export const glossary = {");
    for (size_t i = 0; i < count; i++) {
        printf("  %s: [", terms[i].code);
        print_text(terms[i].zh);
        printf(", ");
        print_text(terms[i].en);
        puts("],");
    }
    puts("};");
    return fflush(stdout) == 0 ? 0 : 1;
}
