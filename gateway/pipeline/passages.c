/* See passages.h. */
#include "gateway/pipeline/passages.h"

#include <stddef.h>

struct passage *passages_find(struct passages *passages, const struct plate_read *read)
{
    if (read->event_id == 0)
        return NULL;
    for (int i = 0; i < PASSAGES_KEPT; i++) {
        struct passage *passage = &passages->kept[i];
        if (passage->id != 0 && passage->event_id == read->event_id &&
            passage->camera == read->camera)
            return passage;
    }
    return NULL;
}

struct passage *passages_add(struct passages *passages, const struct plate_read *read, uint64_t id)
{
    struct passage *passage = &passages->kept[passages->next];
    passages->next = (passages->next + 1) % PASSAGES_KEPT;
    *passage = (struct passage){.id = id, .camera = read->camera, .event_id = read->event_id};
    decision_init(&passage->decision);
    return passage;
}

bool passage_has_entry(const struct passage *passage, uint64_t entry)
{
    for (int i = 0; i < passage->hit_count; i++)
        if (passage->hits[i].entry == entry)
            return true;
    return false;
}

const struct fact_held *passages_find_hit(const struct passages *passages, uint64_t hit)
{
    for (int p = 0; p < PASSAGES_KEPT; p++)
        for (int i = 0; i < passages->kept[p].hit_count; i++)
            if (passages->kept[p].hits[i].hit == hit)
                return &passages->kept[p].hits[i];
    return NULL;
}
