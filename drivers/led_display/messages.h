/*
 * What a sign may say: a table, nothing else. One message for every stop, whatever its cause. Pure.
 */
#pragma once

#include "drivers/api/display.h"

enum { MESSAGE_LINES_MAX = 2 };

/* The message's lines in UTF-8, NULL behind the last; all NULL for DISPLAY_PLATE, whose line is the
 * plate. */
struct message_text {
    const char *name; /* of profiles and logs: "please_stop" */
    const char *lines[MESSAGE_LINES_MAX];
};

extern const struct message_text display_messages[DISPLAY_MESSAGE_COUNT];
