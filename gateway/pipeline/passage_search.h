/*
 * Which records of past passages say a plate like the one asked for, and what is shown of one.
 * Pure.
 *
 * A plate asked for may have '?', one symbol each; an unread symbol of a read says nothing, but as
 * many symbols must agree as the question has, PASSAGE_AGREE_MIN at most. Look-alike: characters of
 * one confusable group (gateway/match/look_alike.h) count as equal. Candidates of a camera are no
 * reads.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/match/look_alike.h"
#include "gateway/model/plate_key.h"

enum { PASSAGE_AGREE_MIN = 4 };

struct passage_query {
    plate_key plate; /* 0: any plate, and none */
    bool look_alike;
    uint8_t lane; /* 0: any */
    struct look_alike like;
};

/* `plate` 0 or a key, perhaps with unread symbols. */
void passage_query_init(struct passage_query *out, plate_key plate, bool look_alike, uint8_t lane);
/* Whether a read of this plate is one that was asked for. */
bool passage_plate_fits(const struct passage_query *query, plate_key read);
/* Whether the body of a passage's record may be one, without parsing it; false is sure. */
bool passage_body_may(const struct passage_query *query, const char *body, size_t size);
/* What is shown of a passage, from the body of its record: {"passage","time","lane","plate",
 * "class","colour",…,"reads"}; NULL: it is none that was asked for, or no record of a read. New
 * reference. */
json_t *passage_row(const struct passage_query *query, const json_t *body);
