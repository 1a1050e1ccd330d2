/* The retention terms in force, for record and events: no word of what a case holds, which neither
 * officers nor technicians are to learn. */
#include "gateway/base/encode.h"
#include "gateway/pipeline/fact_json.h"

void retention_into(json_t *body, const struct retention_status *status)
{
    char hash[2 * HASH_SIZE + 1];
    json_t *value = json_object();
    hex_encode(status->hash, sizeof status->hash, hash);
    put_int(value, "version", (int64_t)status->version);
    put_text(value, "hash", status->version == 0 ? "" : hash);
    put_time(value, "signed_at", status->signed_at);
    put_true(value, "paused", status->paused);
    for (enum retention_kind kind = 0; kind < RETENTION_KINDS; kind++) {
        json_t *bounds = json_object();
        put_int(bounds, "floor", status->bounds[kind].floor_days);
        put_int(bounds, "ceiling", status->bounds[kind].ceiling_days);
        if (status->days[kind] > 0)
            put_int(bounds, "days", status->days[kind]);
        json_object_set_new(value, retention_kind_name(kind), bounds);
    }
    json_object_set_new(body, "retention", value);
}
