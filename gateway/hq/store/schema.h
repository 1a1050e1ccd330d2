/*
 * hqd's tables, version by version, for both stores side by side: whoever adds a step writes both.
 * A step is one text of statements, run once inside the transaction that brings a database up.
 * Constants; how versions are told apart is each store's own affair.
 */
#pragma once

enum { HQ_APPLICATION_ID = 0x43504851 }; /* SQLite's application_id: "CPHQ" */
/* PostgreSQL came with version 3: its earlier steps are NULL, its third makes everything. */
enum { HQ_SCHEMA_VERSION = 16, HQ_SCHEMA_POSTGRES_FIRST = 3 };

struct hq_schema_step {
    const char *sqlite; /* may use crowd_of(record) */
    const char *postgres;
};

/* hq_schema[n] leads from version n to n + 1. */
extern const struct hq_schema_step hq_schema[HQ_SCHEMA_VERSION];
