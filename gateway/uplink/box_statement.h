/*
 * Signed statements of headquarters that concern checkpointd alone: fetched here when headquarters
 * has a later one, handed on, judged and kept there, and which one is held is heard from there. A
 * row of the table is all that another one needs. Constant.
 */
#pragma once

enum box_statement { BOX_EXEMPT, BOX_RETENTION, BOX_STATEMENTS };

struct box_statement_names {
    const char *name; /* act and member on the socket, key of the poll, kind of the message */
    const char *head; /* member of headquarters' head: its number, 0 none */
    const char *path; /* of hqd */
};

extern const struct box_statement_names box_statement_names[BOX_STATEMENTS];
