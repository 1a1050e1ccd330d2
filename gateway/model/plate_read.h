/*
 * One plate read: what a camera said of one vehicle, whatever the camera's protocol. A plain value,
 * copied between threads and (inside struct match_message) between programs of one machine.
 */
#pragma once

#include <stdint.h>

#include "gateway/base/clock.h"
#include "gateway/model/plate_class.h"
#include "gateway/model/plate_key.h"

enum {
    READ_CANDIDATES_MAX = 10,
    READ_CONFIDENCE_NONE = 255, /* the camera gives none */
    LANE_ID_MAX = 255,
    CAMERA_ID_MAX = 65535
};

enum read_authenticity {
    AUTH_NONE,   /* untagged, json, Modbus TCP, basic over plain HTTP, tap */
    AUTH_TAG,    /* valid tag */
    AUTH_WIRED,  /* serial or RTU line, declared so */
    AUTH_SESSION /* HTTP pulled by us, pushed over TLS, or digest-checked from its bound address */
};

/* GA/T 1400 codes; 0 = not given. */
enum plate_colour {
    COLOUR_NONE = 0,
    COLOUR_BLACK = 1,
    COLOUR_WHITE = 2,
    COLOUR_BLUE = 5,
    COLOUR_YELLOW = 6,
    COLOUR_GREEN = 9
};
enum { DIRECTION_NONE = 0 /* 1 W→E … 9 other, GA/T 1400 */ };

struct read_candidate {
    plate_key key;
    uint8_t confidence; /* 0-100, READ_CONFIDENCE_NONE */
};

struct plate_read {
    uint8_t lane;
    uint16_t camera;
    uint64_t event_id;            /* the camera's own, 0 = none */
    struct wall_time camera_time; /* ms = 0: not given */
    struct wall_time wall;        /* when it reached us */
    struct mono_time mono;        /* when its first byte or its frame reached us */
    enum plate_text_kind kind;
    plate_key key;             /* 0 unless kind is PLATE_KEY */
    char raw[PLATE_TEXT_SIZE]; /* as received, valid UTF-8 or "" */
    uint8_t confidence;        /* 0-100, READ_CONFIDENCE_NONE */
    uint8_t char_count;        /* 0 = no character scores */
    uint8_t char_confidence[PLATE_SYMBOLS_MAX];
    uint8_t candidate_count;
    struct read_candidate candidates[READ_CANDIDATES_MAX]; /* without the best read itself */
    uint8_t colour; /* enum plate_colour or another GA/T 1400 code */
    plate_class class;
    uint8_t direction;
    uint16_t speed_kmh; /* 0xFFFF = not given */
    enum read_authenticity authenticity;
};

/* Checks every field of a read that came from another program. ERR_INVALID; `err` says which. */
int plate_read_check(const struct plate_read *read, struct err_text *err) MUST_CHECK;
