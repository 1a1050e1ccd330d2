/*
 * Spool mode of checkpoint-uplinkd: the way to headquarters as files on a stick. What spool.c,
 * which runs a command from beginning to end, and the two halves share. Main thread; the box
 * threads run beside it.
 */
#pragma once

#include "gateway/app/uplinkd/uplinkd.h"
#include "gateway/signed/spool.h"

enum { SPOOL_PATH_SIZE = 1024, SPOOL_WAIT_MS = 20000 /* for checkpointd */ };

/* "<folder>/<name>". ERR_TOO_LARGE. */
int spool_path(const char *folder, const char *name, char out[SPOOL_PATH_SIZE],
               struct err_text *err) MUST_CHECK;
/* Waits for the connection to checkpointd; its number. ERR_TIMEOUT: `err` says what to do. */
int spool_connected(struct box *box, unsigned *out_epoch, struct err_text *err) MUST_CHECK;
/* Never stops: a signal ends the program. */
extern const struct uplink_wait spool_wait;

/* What headquarters has of a chain, where that is less than its receipts say (it was put back):
 * the next export begins there. *out_held UINT64_MAX: it has all of it. */
int spool_held_load(const struct uplinkd *u, enum spool_stream stream, const char *chain,
                    uint64_t *out_held, struct err_text *err) MUST_CHECK;
int spool_held_keep(const struct uplinkd *u, enum spool_stream stream, const char *chain,
                    uint64_t held, struct err_text *err) MUST_CHECK;

/* Each prints its progress; `folder` is the checkpoint's on the stick. */
int spool_export(struct uplinkd *u, const char *folder, struct err_text *err) MUST_CHECK;
int spool_import(struct uplinkd *u, const char *folder, struct err_text *err) MUST_CHECK;
