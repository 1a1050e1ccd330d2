/*
 * What checkpointd says on its socket `records`, line by line. An event is handed on as the bytes
 * it came in, so its signature and digest stay what they are. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/err.h"
#include "gateway/model/picture_message.h"
#include "gateway/uplink/box_statement.h"

enum { BOX_LINE_MAX = 256 * 1024, BOX_NAME_SIZE = 65, BOX_CHAIN_SIZE = 33, BOX_ERROR_SIZE = 256 };

enum box_line_kind {
    BOX_STATUS, /* on connect: checkpoint, chain, confirmed, head */
    BOX_RECORD, /* event, sequence */
    BOX_URGENT, /* the same, ahead of its turn */
    BOX_ASK,    /* event: a question for headquarters */
    BOX_OK,     /* a request was taken; confirmed when it was a receipt */
    BOX_ERROR   /* a request was refused: error */
};

struct box_line {
    enum box_line_kind kind;
    bool hit;          /* the event looks like a hit's record */
    const char *event; /* inside the line; a question likewise */
    size_t event_size;
    uint64_t sequence;
    bool has_confirmed;
    uint64_t confirmed;
    uint64_t head; /* the newest record's, in a status and beside confirmed; 0: not said */
    char chain[BOX_CHAIN_SIZE]; /* hex, in a status; "": not said */
    /* In a status and in the answer to a statement: the number checkpointd holds, 0 none. */
    bool has_statement[BOX_STATEMENTS];
    uint64_t statements[BOX_STATEMENTS];
    bool has_pictures; /* in a status; one more comes when they change */
    struct picture_terms pictures;
    char checkpoint[BOX_NAME_SIZE];
    char error[BOX_ERROR_SIZE];
};

/* One line without its newline. ERR_INVALID. */
int box_line_parse(const char *line, size_t size, struct box_line *out,
                   struct err_text *err) MUST_CHECK;
