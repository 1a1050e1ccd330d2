/*
 * What the system says of a network interface: whether it is the one that was opened, is up, has a
 * link. Asked now and then, not for each frame. Any thread.
 */
#pragma once

#include <stdbool.h>

#include "gateway/base/err.h"

struct interface_state {
    unsigned index; /* another one: the interface was made anew under the same name */
    bool up;
    bool has_link;
};

/* ERR_NOT_FOUND: no such interface; ERR_IO: the system did not say. */
int interface_look(const char *name, struct interface_state *out) MUST_CHECK;
/* Why no frame can come over it: text for an operator, NULL when nothing is known against it. */
const char *interface_trouble(const char *name);
