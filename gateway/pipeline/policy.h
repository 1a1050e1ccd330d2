/* By what matches are judged, as a record and an event say it. Pure. */
#pragma once

#include <jansson.h>

#include "gateway/model/hit.h"

/* Into a body: "policy", its "hash" and "signed_at" left out for what is built in (version 0). */
void policy_into(json_t *body, const struct policy_status *policy);
