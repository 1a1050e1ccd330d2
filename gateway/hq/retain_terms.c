/*
 * The retention program's terms within those that headquarters published: see hq_terms_bind. They
 * are verified here again, for hqd, which stored them, must not be able to shorten them.
 */
#include <stdlib.h>

#include "gateway/hq/retain.h"
#include "gateway/signed/retention_terms.h"

static int newest(struct hq_db *db, const char *kind, char **out, size_t *out_size,
                  struct err_text *err)
{
    return hq_db_bytes(db,
                       "SELECT body FROM documents WHERE kind = $1 ORDER BY version DESC LIMIT 1",
                       HQ_PARAMS(hq_text(kind)), out, out_size, err);
}

static int load_keyset(struct hq_db *db, const struct root_keys *roots, struct keyset *out,
                       struct err_text *err)
{
    char *text = NULL;
    size_t size = 0;
    int rc = newest(db, "keyset", &text, &size, err);
    if (rc == 0)
        rc = keyset_verify(roots, text, size, out, err);
    free(text);
    return rc;
}

static int verify(struct hq_db *db, const struct root_keys *roots, const char *text, size_t size,
                  struct retention_terms *out, struct err_text *err)
{
    struct keyset *set = malloc(sizeof(*set));
    int rc = set ? load_keyset(db, roots, set, err) : ERR_NO_MEMORY;
    if (rc == 0)
        rc = retention_terms_verify(set, text, size, out, err);
    free(set);
    return rc;
}

static int64_t within(const struct retention_terms *terms, enum retention_kind kind, int64_t days,
                      struct wall_time now)
{
    return retention_terms_days(terms, kind, (uint32_t)days, now);
}

int hq_terms_bind(struct hq_db *db,
                  int (*load_roots)(void *ctx, struct root_keys *out, struct err_text *err),
                  void *ctx, struct wall_time now, struct hq_terms *terms, uint64_t *out_version,
                  struct err_text *err)
{
    struct retention_terms held = {0};
    struct root_keys roots = {0};
    char *text = NULL;
    size_t size = 0;
    *out_version = 0;
    int rc = newest(db, HQ_RETENTION_KIND, &text, &size, err);
    if (rc == ERR_NOT_FOUND)
        return 0;
    if (rc == 0)
        rc = load_roots(ctx, &roots, err);
    if (rc == 0)
        rc = verify(db, &roots, text, size, &held, err);
    if (rc == 0) {
        terms->passage_days = within(&held, RETENTION_PASSAGE, terms->passage_days, now);
        terms->record_days = within(&held, RETENTION_RECORD, terms->record_days, now);
        terms->picture_days = within(&held, RETENTION_PICTURE, terms->picture_days, now);
        *out_version = held.version;
    }
    retention_terms_fini(&held);
    free(text);
    return rc;
}
