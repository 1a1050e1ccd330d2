/*
 * See wanted_choice.h. No state.
 */
#include "gateway/app/hqctl/wanted_choice.h"

#include <stdlib.h>
#include <string.h>

static int read_asked(struct wanted_choice *c, struct err_text *err)
{
    for (size_t i = 0; i < c->asked_count; i++) {
        const char *text = c->asked[i];
        struct plate_text plate;
        if (text[0] != '\0' && text[strspn(text, "0123456789")] == '\0' && strlen(text) < 19) {
            c->ids[i] = strtoull(text, NULL, 10);
            continue;
        }
        plate_encode(text, strlen(text), PLATE_DASH_AUTO, &plate);
        if (plate.kind != PLATE_KEY)
            return err_set(err, ERR_INVALID, "'%.60s': expected an entry's id or its plate", text);
        c->keys[i] = plate.key;
    }
    return 0;
}

static int match_entry(void *ctx, const json_t *item)
{
    struct wanted_choice *c = ctx;
    const json_t *entry = json_object_get(item, "entry");
    const char *plate = hqctl_text_of(entry, "plate");
    uint64_t id = (uint64_t)hqctl_number_of(entry, "id");
    struct plate_text text;
    bool taken = false;
    plate_encode(plate, strlen(plate), PLATE_DASH_AUTO, &text);
    for (size_t i = 0; i < c->asked_count; i++)
        if (c->ids[i] ? c->ids[i] == id : c->keys[i] == text.key) {
            c->found[i]++;
            taken = true;
        }
    return taken ? c->take(c->ctx, entry) : 0;
}

int wanted_choice_find(struct hqctl *h, struct wanted_choice *choice, struct err_text *err)
{
    uint64_t after = 0;
    int rc = read_asked(choice, err);
    if (rc == 0)
        rc = hq_client_walk(&h->client, "/v1/list/entries?", "entries", &after, match_entry, choice,
                            err);
    for (size_t i = 0; rc == 0 && i < choice->asked_count; i++)
        if (choice->found[i] == 0)
            rc = err_set(err, ERR_NOT_FOUND, "'%s': not on the list in force", choice->asked[i]);
    return rc;
}
