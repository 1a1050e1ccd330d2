/*
 * A draft (of the list or of a match policy), a file of signed batches or a line to learn from, of
 * any bytes, as hqctl opens them. A draft that reads writes
 * to a file that reads the same; one that composes makes batches that follow one another.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/hqctl/batch_file.h"
#include "gateway/hqctl/pairs.h"
#include "gateway/hqctl/policy_draft.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use_draft(struct draft *draft)
{
    struct err_text err = {""};
    struct draft again;
    struct batch_file file;
    char *text = NULL;
    size_t size = 0;
    assert(draft_write(draft, &text, &size) == 0);
    assert(draft_read(text, size, &again, &err) == 0);
    assert(json_equal(draft->added, again.added) && json_equal(draft->withdrawn, again.withdrawn));
    if (batch_file_compose(draft, (struct wall_time){1795392000000}, &file, &err) == 0) {
        for (size_t i = 0; i < file.count; i++)
            assert(file.batches[i].revision == draft->head.list.revision + 1 + i);
        batch_file_fini(&file);
    }
    draft_fini(&again);
    free(text);
}

static void take_policy(const char *data, size_t size)
{
    struct err_text err = {""};
    struct policy_draft draft;
    struct policy_draft again;
    struct envelope envelope;
    char *text = NULL;
    size_t text_size = 0;
    if (policy_draft_read(data, size, &draft, &err) != 0) {
        assert(err.text[0]);
        return;
    }
    assert(policy_draft_write(&draft, &text, &text_size) == 0);
    assert(policy_draft_read(text, text_size, &again, &err) == 0);
    assert(draft.version == again.version && draft.traffic == again.traffic);
    for (int i = 0; i < CHANNEL_ALPHABETS; i++)
        assert(draft.channels[i].size_bytes == again.channels[i].size_bytes);
    if (policy_draft_compose(&draft, (struct wall_time){1795392000000}, &envelope, &err) == 0)
        envelope_fini(&envelope);
    policy_draft_fini(&again);
    policy_draft_fini(&draft);
    free(text);
}

static void take_pairs(const char *data, size_t size)
{
    struct pairs pairs;
    struct err_text err = {""};
    assert(pairs_init(&pairs) == 0);
    if (pairs_add_line(&pairs, data, size, &err) != 0)
        assert(err.text[0]);
    pairs_settle(&pairs);
    for (size_t i = 0; i < pairs.count; i++)
        assert(pairs.pairs[i].truth != 0 && !plate_has_unread(pairs.pairs[i].truth) &&
               pairs.pairs[i].read.candidate_count <= READ_CANDIDATES_MAX);
    pairs_fini(&pairs);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err_text err = {""};
    struct draft draft;
    take_policy((const char *)data, size);
    take_pairs((const char *)data, size);
    struct batch_file file;
    if (draft_read((const char *)data, size, &draft, &err) == 0) {
        use_draft(&draft);
        draft_fini(&draft);
    }
    if (batch_file_read((const char *)data, size, &file, &err) == 0) {
        struct draft back;
        if (batch_file_to_draft(&file, &back, &err) == 0)
            draft_fini(&back);
        batch_file_fini(&file);
    } else {
        assert(err.text[0]);
    }
    return 0;
}
