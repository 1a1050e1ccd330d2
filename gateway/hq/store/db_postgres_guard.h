/*
 * What PostgreSQL keeps hqd from doing, as db_sqlite_guard.h does over SQLite: triggers, part of a
 * migration step. Bodies past their term go by a role with the right REFERENCES on retain_marks
 * that neither owns the tables nor is a superuser: the retention program's (postgres_grants.sql).
 */
#pragma once

extern const char hq_postgres_guards[];
