/*
 * Text as UTF-8. Strict: no overlong form, no surrogate, nothing above U+10FFFF. No state.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of the character at `s`, of which `left` > 0 are there; 0: none begins there. */
size_t utf8_length(const uint8_t *s, size_t left);
/* Nothing in it ends a line, moves a cursor or turns the direction of what is shown: no control
 * characters (C0, DEL, C1), line or paragraph separators, direction marks; and it is UTF-8. */
bool utf8_is_line(const char *text);
/* Makes it so: '?' for each such character, and for each byte that is of none. */
void utf8_make_line(char *text);
