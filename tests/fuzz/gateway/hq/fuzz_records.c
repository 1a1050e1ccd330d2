/*
 * A body of POST …/records off the wire, into a database of its own. What was taken once must be
 * taken again as repeats only, with the same head.
 */
#include <assert.h>
#include <string.h>

#include "gateway/hq/records.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hq_db db;
    struct hq_ingest first;
    struct hq_ingest again;
    struct err_text err;
    const char *body = (const char *)data;
    const struct wall_time now = {1800000000000};
    if (hq_db_open_sqlite(":memory:", &db, &err) != 0)
        return 0;
    if (hq_records_ingest(&db, "north-1", body, size, now, &first, &err) == 0) {
        assert(hq_records_ingest(&db, "north-1", body, size, now, &again, &err) == 0);
        assert(again.stored == 0);
        assert(memcmp(&again.head, &first.head, sizeof(first.head)) == 0);
    }
    hq_db_close(&db);
    return 0;
}
