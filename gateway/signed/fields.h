/*
 * Fields of a signed JSON object, each with its range or length: unknown keys are refused, and an
 * error names the field. Internal to gateway/signed. Borrowed strings live as long as the object.
 */
#pragma once

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/clock.h"
#include "gateway/base/err.h"
#include "gateway/signed/keyset.h"

/* `value` is an object whose keys all stand in `names` (NULL-terminated). */
int fields_check(const json_t *value, const char *const *names, struct err_text *err) MUST_CHECK;
/* Required text of min .. max bytes without control characters. */
int field_text(const json_t *object, const char *name, size_t min_bytes, size_t max_bytes,
               const char **out, struct err_text *err) MUST_CHECK;
/* Required text of at most `max_characters` UTF-8 characters that is not blank. */
int field_line(const json_t *object, const char *name, size_t max_characters, const char **out,
               struct err_text *err) MUST_CHECK;
/* The same as field_text, copied to `out` of `max_bytes` + 1 bytes. */
int field_copy(const json_t *object, const char *name, size_t max_bytes, char *out,
               struct err_text *err) MUST_CHECK;
int field_number(const json_t *object, const char *name, uint64_t min, uint64_t max, uint64_t *out,
                 struct err_text *err) MUST_CHECK;
/* RFC 3339 UTC, as wall_parse. */
int field_time(const json_t *object, const char *name, struct wall_time *out,
               struct err_text *err) MUST_CHECK;
int field_hash(const json_t *object, const char *name, uint8_t out[HASH_SIZE],
               struct err_text *err) MUST_CHECK;
/* Base64 of exactly `size` bytes. */
int field_base64(const json_t *object, const char *name, uint8_t *out, size_t size,
                 struct err_text *err) MUST_CHECK;
int field_array(const json_t *object, const char *name, size_t max_items, const json_t **out,
                struct err_text *err) MUST_CHECK;
/* New JSON strings of a hash, a time and bytes; NULL without memory. */
json_t *hash_json(const uint8_t hash[HASH_SIZE]);
json_t *time_json(struct wall_time time);
json_t *base64_json(const uint8_t *data, size_t size);

/* An unsigned envelope around the canonical text of `payload`, which it takes over (NULL is
 * ERR_NO_MEMORY). */
int statement_compose(json_t *payload, enum statement_type type, struct envelope *out) MUST_CHECK;
/* Parses and verifies an envelope of `type` and parses its JSON payload; *out_payload is a new
 * reference. */
int statement_open(const struct keyset *set, const void *envelope, size_t size,
                   enum statement_type type, struct signers *out_signers, json_t **out_payload,
                   struct err_text *err) MUST_CHECK;
