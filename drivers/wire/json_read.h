/*
 * The `json` datagram of the camera net: one JSON object, field names by configuration, defaults
 * those of GA/T 1400 (MotorVehicle). Numbers may come as numbers or as decimal text. The camera is
 * named by its device id (text) or its camera number. PassTime is yyyyMMddHHmmss (or with three
 * digits of milliseconds) in the camera's local time, or RFC 3339 in UTC. An unread character of
 * the plate is '-' unless the camera table says otherwise. Fields with values out of range count as
 * not given; broken text, types and sizes refuse the datagram with a named cause.
 *
 * jansson parses inside a fixed piece of memory of the reader, so nothing is allocated after
 * create; a document that needs more is refused. A reader belongs to one thread.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "drivers/wire/camera_table.h"
#include "gateway/model/plate_read.h"

enum {
    JSON_READ_SIZE_MAX = 4096,    /* bytes of a datagram */
    JSON_READ_DEPTH_MAX = 8,      /* of nested arrays and objects */
    JSON_READ_MEMORY = 128 << 10, /* bytes jansson may use for one datagram */
    JSON_FIELD_NAME_SIZE = 32
};

/* The names of GA/T 1400; the event id is ours, that standard has no number for it. */
#define JSON_NAME_CAMERA "DeviceID"
#define JSON_NAME_LANE "LaneNo"
#define JSON_NAME_PLATE "PlateNo"
#define JSON_NAME_HAS_PLATE "HasPlate"
#define JSON_NAME_CLASS "PlateClass"
#define JSON_NAME_COLOUR "PlateColor"
#define JSON_NAME_TIME "PassTime"
#define JSON_NAME_SPEED "Speed"
#define JSON_NAME_DIRECTION "Direction"
#define JSON_NAME_CONFIDENCE "PlateReliability"
#define JSON_NAME_CHAR_SCORES "PlateCharReliability"
#define JSON_NAME_EVENT "EventID"
#define JSON_UTC_OFFSET_MINUTES 480 /* of local PassTime: China */

enum json_field {
    JSON_FIELD_CAMERA,
    JSON_FIELD_LANE,
    JSON_FIELD_PLATE,
    JSON_FIELD_HAS_PLATE, /* 0 with an empty plate is no plate */
    JSON_FIELD_CLASS,
    JSON_FIELD_COLOUR,
    JSON_FIELD_TIME,
    JSON_FIELD_SPEED, /* km/h */
    JSON_FIELD_DIRECTION,
    JSON_FIELD_CONFIDENCE,
    JSON_FIELD_CHAR_SCORES, /* "A-90,B-88" */
    JSON_FIELD_EVENT,
    JSON_FIELD_COUNT
};

struct json_fields {
    char name[JSON_FIELD_COUNT][JSON_FIELD_NAME_SIZE]; /* "" = the field is not used */
    int16_t utc_offset_minutes;                        /* of local PassTime */
};

enum json_cause {
    JSON_CAUSE_OK,
    JSON_TOO_LONG,   /* above JSON_READ_SIZE_MAX */
    JSON_TOO_DEEP,   /* nested beyond JSON_READ_DEPTH_MAX */
    JSON_BAD_SYNTAX, /* not one JSON object in UTF-8, a key twice, bytes behind it */
    JSON_NO_MEMORY,  /* needs more than JSON_READ_MEMORY */
    JSON_NO_CAMERA,  /* camera field missing, or no such device id */
    JSON_NO_PLATE,   /* plate field missing */
    JSON_BAD_TYPE,   /* a field is neither text nor a whole number, or a number does not fit */
    JSON_PLATE_TEXT, /* control characters, or above 32 bytes */
    JSON_CAUSE_COUNT
};

struct json_reader;

/* The field names of GA/T 1400 and China's time. */
void json_fields_default(struct json_fields *out);
/* *out is freed with json_reader_destroy. ERR_NO_MEMORY; ERR_INVALID when camera or plate has no
 * field or a name has no end. `err` says which. The first create of a process directs jansson's
 * memory (json_set_alloc_funcs): call it before other threads use jansson. */
int json_reader_create(const struct json_fields *fields, struct json_reader **out,
                       struct err_text *err) MUST_CHECK;
void json_reader_destroy(struct json_reader *reader);

/* Decodes one datagram; cameras named by device id are looked up in `table`. On JSON_CAUSE_OK `out`
 * holds camera, lane (0: not given) and every field given, authenticity AUTH_NONE, arrival times 0;
 * otherwise it is untouched. */
enum json_cause json_reader_decode(struct json_reader *reader, const struct camera_table *table,
                                   const uint8_t *data, size_t size_bytes,
                                   struct plate_read *out) MUST_CHECK;

/* Stable lower-case name for counters ("bad_syntax"). */
const char *json_cause_name(enum json_cause cause);
