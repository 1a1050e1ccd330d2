/* See text_table.h. */
#include "gateway/base/text_table.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <wchar.h>

enum { GAP = 2, SCREEN_COLUMNS_MAX = 1000 };

/* One character: its bytes and columns; `shown` false: '?' is written in its place. */
struct glyph {
    size_t size;
    size_t columns;
    bool shown;
    bool wide;
};

static struct glyph glyph_at(const char *text, size_t left)
{
    mbstate_t state;
    wchar_t c;
    memset(&state, 0, sizeof(state));
    size_t size = mbrtowc(&c, text, left, &state);
    if (size == (size_t)-1 || size == (size_t)-2 || size == 0) {
        return (struct glyph){.size = 1, .columns = 1};
    }
    int columns = wcwidth(c);
    if (columns < 0) {
        return (struct glyph){.size = size, .columns = 1};
    }
    return (struct glyph){
        .size = size, .columns = (size_t)columns, .shown = true, .wide = columns == 2};
}

size_t text_columns(const char *text)
{
    size_t left = strlen(text);
    size_t columns = 0;
    while (left > 0) {
        struct glyph glyph = glyph_at(text, left);
        columns += glyph.columns;
        text += glyph.size;
        left -= glyph.size;
    }
    return columns;
}

void text_print(FILE *out, const char *text, size_t size)
{
    while (size > 0) {
        struct glyph glyph = glyph_at(text, size);
        if (glyph.shown) {
            fwrite(text, 1, glyph.size, out);
        } else {
            fputc('?', out);
        }
        text += glyph.size;
        size -= glyph.size;
    }
}

/* Bytes of `text` that go into one line of `columns`; *out_next: where the next line begins. */
static size_t line_size(const char *text, size_t size, size_t columns, size_t *out_next)
{
    size_t at = 0;
    size_t used = 0;
    size_t break_at = 0;
    size_t break_next = 0;
    bool wide_before = false;
    while (at < size) {
        struct glyph glyph = glyph_at(text + at, size - at);
        if (used + glyph.columns > columns && at > 0) {
            break;
        }
        if (text[at] == ' ') {
            break_at = at;
            break_next = at + 1;
        } else if ((glyph.wide || wide_before) && at > 0) {
            break_at = at;
            break_next = at;
        }
        wide_before = glyph.wide;
        used += glyph.columns;
        at += glyph.size;
    }
    if (at == size) {
        *out_next = size;
        return size;
    }
    bool wide_next = glyph_at(text + at, size - at).wide;
    if (text[at] == ' ' || wide_next || wide_before || break_at == 0) {
        *out_next = text[at] == ' ' ? at + 1 : at;
        return at;
    }
    *out_next = break_next;
    return break_at;
}

void text_wrap(FILE *out, const char *text, size_t indent, size_t columns)
{
    size_t size = strlen(text);
    for (bool first = true; first || size > 0; first = false) {
        size_t next;
        size_t line = line_size(text, size, columns, &next);
        if (!first) {
            fprintf(out, "\n%*s", (int)indent, "");
        }
        text_print(out, text, line);
        text += next;
        size -= next;
    }
}

size_t text_screen_columns(FILE *out)
{
    struct winsize window;
    if (ioctl(fileno(out), TIOCGWINSZ, &window) != 0 || window.ws_col < TEXT_LAST_COLUMN_MIN ||
        window.ws_col > SCREEN_COLUMNS_MAX) {
        return TEXT_SCREEN_DEFAULT_COLUMNS;
    }
    return window.ws_col;
}

/* ---- table ---- */

struct text_table {
    size_t column_count;
    size_t row_count; /* with the titles, row 0 */
    size_t room;
    char **cells; /* rows one after the other */
    bool right[TEXT_TABLE_COLUMNS_MAX];
};

int text_table_add(struct text_table *table, const char *const *cells)
{
    if (table->row_count == table->room) {
        size_t room = table->room * 2 + 16;
        char **grown = reallocarray(table->cells, room * table->column_count, sizeof(char *));
        if (!grown) {
            return ERR_NO_MEMORY;
        }
        table->cells = grown;
        table->room = room;
    }
    char **row = &table->cells[table->row_count * table->column_count];
    for (size_t i = 0; i < table->column_count; i++) {
        row[i] = strdup(cells[i] ? cells[i] : "");
        if (!row[i]) {
            while (i > 0) {
                free(row[--i]);
            }
            return ERR_NO_MEMORY;
        }
    }
    table->row_count++;
    return 0;
}

int text_table_create(const char *const *titles, size_t count, struct text_table **out)
{
    const char *cells[TEXT_TABLE_COLUMNS_MAX];
    if (count == 0 || count > TEXT_TABLE_COLUMNS_MAX) {
        return ERR_TOO_LARGE;
    }
    struct text_table *table = calloc(1, sizeof(*table));
    if (!table) {
        return ERR_NO_MEMORY;
    }
    table->column_count = count;
    for (size_t i = 0; i < count; i++) {
        table->right[i] = titles[i][0] == '>';
        cells[i] = titles[i] + (table->right[i] ? 1 : 0);
    }
    int result = text_table_add(table, cells);
    if (result != 0) {
        text_table_destroy(table);
        return result;
    }
    *out = table;
    return 0;
}

void text_table_destroy(struct text_table *table)
{
    if (!table) {
        return;
    }
    for (size_t i = 0; i < table->row_count * table->column_count; i++) {
        free(table->cells[i]);
    }
    free(table->cells);
    free(table);
}

static void print_cell(FILE *out, const char *text, size_t columns, bool right)
{
    size_t used = text_columns(text);
    int padding = used < columns ? (int)(columns - used) : 0;
    fprintf(out, "%*s", right ? padding : 0, "");
    text_print(out, text, strlen(text));
    fprintf(out, "%*s", (right ? 0 : padding) + GAP, "");
}

void text_table_print(const struct text_table *table, FILE *out, size_t screen_columns)
{
    size_t widths[TEXT_TABLE_COLUMNS_MAX] = {0};
    size_t last = table->column_count - 1;
    size_t before_last = 0;
    for (size_t i = 0; i < table->row_count * table->column_count; i++) {
        size_t columns = text_columns(table->cells[i]);
        size_t *width = &widths[i % table->column_count];
        *width = columns > *width ? columns : *width;
    }
    for (size_t i = 0; i < last; i++) {
        before_last += widths[i] + GAP;
    }
    size_t room = screen_columns > before_last + TEXT_LAST_COLUMN_MIN ? screen_columns - before_last
                                                                      : TEXT_LAST_COLUMN_MIN;
    for (size_t r = 0; r < table->row_count; r++) {
        char *const *row = &table->cells[r * table->column_count];
        for (size_t i = 0; i < last; i++) {
            print_cell(out, row[i], widths[i], table->right[i]);
        }
        if (table->right[last] && text_columns(row[last]) < widths[last]) {
            fprintf(out, "%*s", (int)(widths[last] - text_columns(row[last])), "");
        }
        text_wrap(out, row[last], before_last, room);
        fputc('\n', out);
    }
}
