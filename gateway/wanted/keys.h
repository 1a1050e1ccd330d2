/*
 * Names in Redis, both sides. Values are untrusted on the reader's side: wanted:meta only says what
 * to expect, everything that counts is signed.
 *
 *   wanted:meta               hash: format "1", revision, hash, keyset, snapshot, chunks,
 *                             manifest (envelope)
 *   wanted:chunk:<rev>:<n>    string: stored bytes of chunk n of the snapshot at <rev>
 *   wanted:delta              stream: id <revision>-0, field "batch" = envelope
 *   wanted:keyset             string: envelope of the newest key set
 *   wanted:current            string: envelope of the newest "still current" statement
 *   wanted:policy             string: envelope of the newest match policy; missing: none yet
 */
#pragma once

#define KEY_META "wanted:meta"
#define KEY_DELTA "wanted:delta"
#define KEY_KEYSET "wanted:keyset"
#define KEY_CURRENT "wanted:current"
#define KEY_POLICY "wanted:policy"
#define KEY_ALL "wanted:*"
#define META_FORMAT "1"
#define DELTA_FIELD "batch"
#define META_MANIFEST "manifest"

enum { CHUNK_KEY_SIZE = 64, NUMBER_SIZE = 24 };

/* "wanted:chunk:<rev>:<n>" is written with this form (PRIu64, %zu). */
#define CHUNK_KEY_FORM "wanted:chunk:%" PRIu64 ":%zu"
