/*
 * What match_eval reckons with: reads with their true plates (JSON lines, each {"truth":…,
 * "reads":[{"plate":…,"confidence":…}, …]}, best read first), plates of an area (a line each), and
 * lists of wanted plates made of them.
 */
#pragma once

#include "gateway/match/index.h"
#include "gateway/match/learn.h"

/* xorshift64*: the same numbers on every machine. */
struct eval_random {
    uint64_t state; /* not 0 */
};
uint64_t eval_random_below(struct eval_random *random, uint64_t below);

struct eval_read {
    struct match_pair pair;
    size_t plate; /* of eval_data.plates: its truth */
};

/* Plates of one shape in the plates file. */
struct eval_shape {
    char text[PLATE_SYMBOLS_MAX + 1]; /* "PADDDDD" */
    size_t count;
    plate_key *keys;
};

/* How plates like one are made. */
struct eval_form {
    int count;
    enum channel_kind kinds[PLATE_SYMBOLS_MAX];
    const struct eval_shape *shape; /* NULL: none in the plates file */
};

struct eval_data {
    size_t read_count;
    struct eval_read *reads;
    size_t unread;  /* lines without a read: nothing to match */
    size_t skipped; /* lines whose truth is no plate */
    size_t plate_count;
    plate_key *plates;       /* distinct truths */
    struct eval_form *forms; /* of each */
    size_t shape_count;
    struct eval_shape *shapes;
};

/* Ends the program with a message that names file and line when something is wrong. */
void eval_data_read(struct eval_data *out, const char *reads_path, const char *plates_path);
void eval_data_free(struct eval_data *data);

/* A wanted list as matching holds it. */
struct eval_list {
    struct match_index *index;
    struct match_entry *entries;
};

/*
 * `wanted` plates (indexes into data->plates) and distractors up to `size` distinct entries. A
 * distractor has the shape of a random plate of `like`; where the plates file knows that shape,
 * its first two symbols are those of one plate there and each other symbol is that of some plate at
 * the same place, otherwise each symbol is any of its kind. None is a true plate of any read.
 */
void eval_list_make(struct eval_list *out, const struct eval_data *data, const size_t *wanted,
                    size_t wanted_count, const size_t *like, size_t like_count, size_t size,
                    struct eval_random *random);
void eval_list_free(struct eval_list *list);
