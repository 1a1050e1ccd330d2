/*
 * See pairs.h. While they come in each answered hit has one place; a place whose truth is 0 holds
 * nothing to learn from.
 */
#include "gateway/hqctl/pairs.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/json.h"
#include "gateway/hqctl/hit_record.h"

enum said { SAID_CONFIRM, SAID_MISREAD, SAID_NEGATIVE, SAID_TRUTH };

int pairs_init(struct pairs *pairs)
{
    *pairs = (struct pairs){.hits = json_object()};
    return pairs->hits ? 0 : ERR_NO_MEMORY;
}

void pairs_fini(struct pairs *pairs)
{
    free(pairs->pairs);
    free(pairs->said);
    json_decref(pairs->hits);
    *pairs = (struct pairs){0};
}

static int make_room(struct pairs *p, size_t capacity, struct err_text *err)
{
    struct match_pair *more = realloc(p->pairs, capacity * sizeof(*more));
    if (!more)
        return err_set(err, ERR_NO_MEMORY, "pairs: out of memory");
    p->pairs = more;
    uint8_t *said = realloc(p->said, capacity);
    if (!said)
        return err_set(err, ERR_NO_MEMORY, "pairs: out of memory");
    p->said = said;
    p->capacity = capacity;
    return 0;
}

/* A new place at the end. */
static int grow(struct pairs *p, size_t *out, struct err_text *err)
{
    if (p->count == CHANNEL_PAIRS_MAX)
        return err_set(err, ERR_TOO_LARGE, "more than %d pairs", CHANNEL_PAIRS_MAX);
    int rc = p->count < p->capacity ? 0 : make_room(p, p->capacity ? p->capacity * 2 : 1024, err);
    if (rc != 0)
        return rc;
    p->pairs[p->count] = (struct match_pair){.truth = 0};
    p->said[p->count] = SAID_TRUTH;
    *out = p->count++;
    return 0;
}

/* The place of an answer's hit, that of an earlier answer if there is one. */
static int place_of(struct pairs *p, const json_t *answer, json_int_t hit, size_t *out,
                    struct err_text *err)
{
    const char *checkpoint = json_string_value(json_object_get(answer, "checkpoint"));
    const char *chain = json_string_value(json_object_get(answer, "chain"));
    char key[256];
    int size = snprintf(key, sizeof(key), "%s/%s/%" JSON_INTEGER_FORMAT,
                        checkpoint ? checkpoint : "", chain ? chain : "", hit);
    if (!checkpoint || !chain || hit <= 0 || size >= (int)sizeof(key))
        return err_set(err, ERR_INVALID, "no answer: expected checkpoint, chain and record.hit");
    const json_t *known = json_object_get(p->hits, key);
    if (known) {
        *out = (size_t)json_integer_value(known);
        return 0;
    }
    if (json_object_set_new(p->hits, key, json_integer((json_int_t)p->count)) != 0)
        return err_set(err, ERR_NO_MEMORY, "pairs: out of memory");
    return grow(p, out, err);
}

static bool is_whole(plate_key key)
{
    return key != 0 && !plate_has_unread(key);
}

static void take(struct match_pair *pair, plate_key truth, const json_t *read)
{
    bool good = hit_record_read(read, &pair->read);
    pair->truth = good && is_whole(truth) && is_whole(pair->read.key) ? truth : 0;
}

int pairs_add_answer(struct pairs *p, const json_t *answer, struct err_text *err)
{
    const json_t *record = json_object_get(answer, "record");
    const char *said = json_string_value(json_object_get(record, "answer"));
    bool confirmed = said && strcmp(said, "confirm") == 0;
    size_t place = 0;
    if (!said || (!confirmed && strcmp(said, "misread") != 0))
        return err_set(err, ERR_INVALID, "record.answer: expected confirm or misread");
    int rc = place_of(p, answer, json_integer_value(json_object_get(record, "hit")), &place, err);
    if (rc != 0)
        return rc;
    plate_key truth = hit_record_plate(record, confirmed ? "listed" : "plate");
    take(&p->pairs[place], truth, json_object_get(record, "read"));
    p->said[place] = confirmed ? SAID_CONFIRM : truth ? SAID_MISREAD : SAID_NEGATIVE;
    return 0;
}

/* {"truth":"…","reads":[best, candidates …]} */
static int add_truth(struct pairs *p, const json_t *object, struct err_text *err)
{
    const json_t *reads = json_object_get(object, "reads");
    json_t *read = json_copy(json_array_get(reads, 0));
    size_t place = 0;
    if (!json_is_array(reads) || !json_is_string(json_object_get(object, "truth"))) {
        json_decref(read);
        return err_set(err, ERR_INVALID, "expected an answer, or an object with truth and reads");
    }
    int rc = grow(p, &place, err);
    if (rc == 0 && read && json_object_set(read, "candidates", (json_t *)(uintptr_t)reads) != 0)
        rc = err_set(err, ERR_NO_MEMORY, "pairs: out of memory");
    if (rc == 0)
        take(&p->pairs[place], hit_record_plate(object, "truth"), read);
    json_decref(read);
    return rc;
}

int pairs_add_line(struct pairs *p, const char *line, size_t size, struct err_text *err)
{
    json_t *object = NULL;
    while (size > 0 && strchr(" \t\r\n", line[size - 1]))
        size--;
    if (size == 0)
        return 0;
    int rc = size > PAIRS_LINE_MAX ? err_set(err, ERR_TOO_LARGE, "%zu bytes, expected at most %d",
                                             size, PAIRS_LINE_MAX)
                                   : json_parse(line, size, &object, err);
    if (rc == 0)
        rc = json_object_get(object, "record") ? pairs_add_answer(p, object, err)
                                               : add_truth(p, object, err);
    json_decref(object);
    return rc;
}

static void count_answer(struct pairs *p, size_t i)
{
    p->answers++;
    if (p->said[i] == SAID_NEGATIVE)
        p->negatives++;
    else if (p->pairs[i].truth == 0)
        p->unusable++;
    else if (p->said[i] == SAID_MISREAD)
        p->misread++;
    else
        p->confirmed++;
}

void pairs_settle(struct pairs *p)
{
    size_t kept = 0;
    for (size_t i = 0; i < p->count; i++) {
        count_answer(p, i);
        if (p->pairs[i].truth != 0)
            p->pairs[kept++] = p->pairs[i];
    }
    p->count = kept;
}

size_t pairs_of_alphabet(const struct pairs *p, enum channel_alphabet alphabet)
{
    size_t count = 0;
    for (size_t i = 0; i < p->count; i++)
        count += channel_alphabet_of(p->pairs[i].truth) == alphabet;
    return count;
}
