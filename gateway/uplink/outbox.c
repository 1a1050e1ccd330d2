/* See outbox.h. */
#include "gateway/uplink/outbox.h"

#include <stdlib.h>
#include <string.h>

int outbox_add(struct outbox *o, char *text, size_t size, uint64_t sequence)
{
    if (size > OUTBOX_LINE_MAX)
        return ERR_TOO_LARGE;
    if (o->count == OUTBOX_RECORDS_MAX)
        return ERR_FULL;
    o->records[o->count++] = (struct outbox_record){text, size, sequence};
    o->bytes += size;
    return 0;
}

int outbox_batch(const struct outbox *o, size_t records_max, char **out, size_t *out_size,
                 size_t *out_records)
{
    size_t count = 0;
    size_t size = 0;
    while (count < o->count && count < records_max &&
           size + o->records[count].size + 1 <= OUTBOX_BATCH_MAX)
        size += o->records[count++].size + 1;
    if (count == 0)
        return ERR_NOT_FOUND;
    char *body = malloc(size);
    if (!body)
        return ERR_NO_MEMORY;
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        memcpy(body + at, o->records[i].text, o->records[i].size);
        at += o->records[i].size;
        body[at++] = '\n';
    }
    *out = body;
    *out_size = size;
    *out_records = count;
    return 0;
}

struct outbox_amount outbox_confirm(struct outbox *o, uint64_t sequence)
{
    struct outbox_amount gone = {0};
    while (gone.records < o->count && o->records[gone.records].sequence <= sequence) {
        gone.bytes += o->records[gone.records].size;
        free(o->records[gone.records++].text);
    }
    o->count -= gone.records;
    o->bytes -= gone.bytes;
    memmove(o->records, o->records + gone.records, o->count * sizeof(o->records[0]));
    return gone;
}

void outbox_clear(struct outbox *o)
{
    for (size_t i = 0; i < o->count; i++)
        free(o->records[i].text);
    o->count = 0;
    o->bytes = 0;
}
