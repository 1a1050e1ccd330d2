/*
 * What SQLite keeps hqd from doing: triggers on the records and on headquarters' own chain. Bodies
 * past their term go by a connection that may, which is the retention program's and never hqd's.
 */
#pragma once

#include <sqlite3.h>
#include <stdbool.h>

/* The triggers, part of a migration step. They call may_forget(): a connection that never
 * registered it can change none of these tables. */
extern const char hq_sqlite_guards[];

/* Registers may_forget() with its answer for this connection; a code of SQLite's. */
int hq_sqlite_guard_open(sqlite3 *db, bool may_forget);
