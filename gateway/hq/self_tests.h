/*
 * The daily self-test of each checkpoint (table self_tests): a record of the box's chain that says
 * its test plate went through capture, matching, rules and journal. While the wanted list has an
 * entry of category self_test, a box that was ever seen and whose newest one is older than allowed
 * is alarmed, once for all hqd over one database. Judged by the time in the record: a backlog of
 * old ones vouches for nothing of today.
 */
#pragma once

#include "gateway/base/clock.h"
#include "gateway/hq/store/db.h"
#include "gateway/journal/record.h"

struct hqd;

/* Inside the transaction that stores it: takes the record over if it is a self-test's. */
int hq_self_test_note(struct hq_db *db, const char *checkpoint, const struct journal_record *record,
                      struct wall_time now, struct err_text *err) MUST_CHECK;
/* Raises and ends the alarms. Every now and then, by the server's thread. */
int hq_self_tests_look(struct hqd *hq, struct wall_time now, struct err_text *err) MUST_CHECK;
