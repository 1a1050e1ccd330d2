/*
 * What the files that make facts' bodies share: one key each, left out when it has nothing to say.
 * Internal to gateway/pipeline.
 */
#pragma once

#include "gateway/pipeline/fact.h"

void put_int(json_t *object, const char *key, int64_t value);
void put_id(json_t *object, const char *key, uint64_t id);
/* A camera's own event id may use all 64 bits, which a JSON integer has not: it stays text. */
void put_event_id(json_t *object, const char *key, uint64_t id);
void put_text(json_t *object, const char *key, const char *text);
void put_true(json_t *object, const char *key, bool value);
void put_plate(json_t *object, const char *key, plate_key plate);
void put_class(json_t *object, plate_class class);
void put_time(json_t *object, const char *key, struct wall_time time);
const char *read_kind_name(enum plate_text_kind kind);
const char *authenticity_name(enum read_authenticity authenticity);
json_t *read_body(const struct plate_read *read);
json_t *entry_body(const struct wanted_record *entry);
json_t *list_body(const struct list_status *list);
json_t *clock_body(const struct fact_clock *clock);
json_t *decision_body(const struct decision *decision);

/* fact_evidence.c: "plates" and "reads" of a passage. */
void put_evidence(json_t *object, const struct fact_evidence *evidence);
void conflict_into(json_t *body, const struct fact *fact);

/* fact_actor.c: by whom, and the reason; nothing where the lane did it itself. */
void actor_into(json_t *body, const struct fact *fact);

/* fact_status.c, fact_answer.c */
void status_into(json_t *body, const struct fact *fact);
/* Carries the hit's read, so that headquarters learns from this record alone. */
void answer_into(json_t *body, const struct fact_answer *answer, const char *read);

/* fact_hit.c: and of its event what is said to people. */
void hit_into(json_t *body, const struct fact *fact);
void hit_words_into(json_t *event, const struct fact *fact);

/* fact_handling.c */
void handling_into(json_t *body, const struct fact *fact);

/* fact_standing.c: of an event besides what it says, in words. */
void standing_into(json_t *body, const struct fact *fact);
void standing_words_into(json_t *event, const struct fact *fact);

/* fact_lookout.c */
void lookout_into(json_t *body, const struct fact *fact);
/* To a hit of a look-out. */
void lookout_hit_into(json_t *body, const struct match_hit *match);

/* fact_counts.c */
void suppressed_into(json_t *body, const struct fact *fact);
void refused_into(json_t *body, const struct fact *fact);
void capture_into(json_t *body, const struct fact *fact);

/* fact_self_test.c */
void self_test_into(json_t *body, const struct fact *fact);

/* fact_instruction.c */
void instruction_into(json_t *body, const struct fact *fact);

/* policy.c: "policy", its "hash" and "signed_at" left out for what is built in (version 0). */
void policy_into(json_t *body, const struct policy_status *policy);
/* exempt.c */
void exempt_into(json_t *body, const struct fact_exempt *exempt);
void exempt_list_into(json_t *body, const struct exempt_status *list);
void passage_into(json_t *body, const struct fact *fact);
/* fact_retention.c */
void retention_into(json_t *body, const struct retention_status *status);
