/*
 * Lines to checkpointd's socket `records`, each whole within a deadline. No state; the box thread.
 */
#pragma once

#include <jansson.h>
#include <stddef.h>

#include "gateway/base/clock.h"

enum {
    BOX_LOOK_MS = 100, /* longest wait of one step */
    BOX_SEND_MS = 2000 /* for one line to be taken by checkpointd */
};

/* All three: NULL, or why the connection is of no use any more. */
/* `text` with its newline. */
const char *box_send_line(int fd, const struct clock_source *clock, const char *text, size_t size);
/* Steals `object`; NULL: there was no memory for it. */
const char *box_send_object(int fd, const struct clock_source *clock, json_t *object);
/* {"do":"<act>","<member>":<text as it is>} */
const char *box_send_verbatim(int fd, const struct clock_source *clock, const char *act,
                              const char *member, const char *text);
