/*
 * A wanted entry as HQ writes it: JSON with fixed English names, checked field by field, turned
 * into the match record (gateway/model/wanted.h) and the canonical display text. Pure.
 *
 * Required: id, plate, category, priority, handling, reason, authority, case_number, applicant,
 * reviewer, approver, contact, valid_from, valid_until; class for a plate without unread symbols
 * (`any` must be stated). Optional: officer_risk (list of armed, violent, several_people),
 * instructions, vehicle, emergency (true), and of the approval applicant_number, applicant_time,
 * reviewer_number, reviewer_time, approver_number, approver_time, document: those headquarters asks
 * for before anybody signs (wanted_entry_check_approval).
 */
#pragma once

#include <jansson.h>

#include "gateway/model/wanted.h"

enum {
    ENTRY_PERSON_MAX = 50,        /* characters of applicant, reviewer, approver (GA/T 1400) */
    ENTRY_AUTHORITY_MAX = 100,    /* characters (GA/T 1400) */
    ENTRY_CASE_MAX = 64,          /* characters */
    ENTRY_NUMBER_MAX = 32,        /* characters of a police number */
    ENTRY_DOCUMENT_MAX = 100,     /* characters */
    ENTRY_CONTACT_MAX = 100,      /* characters */
    ENTRY_REASON_MAX = 256,       /* characters */
    ENTRY_INSTRUCTIONS_MAX = 256, /* characters */
    ENTRY_VEHICLE_MAX = 128,      /* characters */
    ENTRY_READ_SYMBOLS_MIN = 4    /* symbols a partial plate must give */
};

/* The field names, in the order of a CSV's usual columns; NULL ends the table. */
extern const char *const wanted_entry_fields[];

/* Checks every field. The text is canonical JSON, NUL-terminated heap the caller frees; its size
 * stands in the record. ERR_INVALID, ERR_TOO_LARGE; `err` is "field: reason, expected …". */
int wanted_entry_from_json(const json_t *entry, struct wanted_record *out_record, char **out_text,
                           struct err_text *err) MUST_CHECK;
/* Whether `text` is the canonical text that belongs to the record: what an officer is shown is what
 * is matched. ERR_INVALID. */
int wanted_entry_check_text(const struct wanted_record *record, const char *text, size_t size,
                            struct err_text *err) MUST_CHECK;
/* Whether the entry may be signed: applicant, reviewer and approver each with number and time, in
 * that order, three different people, and the document it was approved by. Of an emergency entry
 * the approver is the duty leader, the reviewer the second officer, who may be the applicant; the
 * document may follow. ERR_DENIED; `err` is "field: reason". */
int wanted_entry_check_approval(const json_t *entry, struct err_text *err) MUST_CHECK;
/* The same of an item's text, which was checked. */
int wanted_entry_check_approval_text(const char *text, size_t size,
                                     struct err_text *err) MUST_CHECK;
/* Priority 1, observe or emergency: two different clerks must sign. */
bool wanted_record_needs_two(const struct wanted_record *record);
