/*
 * Which symbol strings are a whole plate, by form (GA 36-2018 practice; the special character may
 * stand first, last or nowhere). Used to tell a separator from an unread symbol and a vendor's
 * colour prefix from a province; never to refuse a read. Internal to the codec. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct plate_form {
    const char *pattern; /* a letter a symbol, see plate_forms.c */
    int prefix_symbols;  /* before the serial */
    bool alnum_only;     /* may as well be a foreign plate */
    bool old_military;
};

/* The form that `count` symbols fill completely, an unread symbol fitting anywhere; NULL if none.
 */
const struct plate_form *plate_form_find(const uint8_t *symbols, int count);
/* First symbol of a mainland plate's serial, where I and O cannot stand; -1 for other plates. */
int plate_serial_start(const uint8_t *symbols, int count);
