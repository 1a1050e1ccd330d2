/*
 * Which role may do what: one table of needs and roles. No state, any thread. Internal to
 * gateway/control.
 */
#pragma once

#include "gateway/control/control.h"

/* "anybody", "signed_on", …; "" out of range. */
const char *rights_need_name(enum control_need need);
/* Whether whoever asks may have an act of this need; `args` are the act's. */
bool rights_may(enum control_need need, const struct control_actor *actor, const json_t *args);
/* Whether events with plates go to the holder; NULL: nobody signed on. */
bool rights_see_plates(const struct token *token);
