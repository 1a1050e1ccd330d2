/* See box_statement.h. */
#include "gateway/uplink/box_statement.h"

const struct box_statement_names box_statement_names[BOX_STATEMENTS] = {
    [BOX_EXEMPT] = {"exempt", "exempt_revision", "/v1/exempt-list"},
    [BOX_RETENTION] = {"retention", "retention_version", "/v1/retention-terms"},
};
