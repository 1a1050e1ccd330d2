/*
 * A draft (of the list, a match policy or an exempt list), a CSV of exempt vehicles, a file of
 * signed batches or a line to learn from, of any bytes, as hqctl opens them. A draft that reads
 * writes to a file that reads the same; one that composes makes batches that follow one another.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/hqctl/batch_file.h"
#include "gateway/hqctl/exempt_draft.h"
#include "gateway/hqctl/import.h"
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

static const struct wall_time signing = {1795392000000}; /* 2026-11-23T00:00:00Z */

static void take_exempt(const char *data, size_t size)
{
    struct err_text err = {""};
    struct exempt_draft draft;
    struct exempt_draft again;
    struct envelope envelope;
    char *text = NULL;
    size_t text_size = 0;
    if (exempt_draft_read(data, size, &draft, &err) != 0) {
        assert(err.text[0]);
        return;
    }
    assert(exempt_draft_write(&draft, &text, &text_size) == 0);
    assert(exempt_draft_read(text, text_size, &again, &err) == 0);
    assert(draft.revision == again.revision && json_equal(draft.entries, again.entries));
    if (exempt_draft_compose(&draft, signing, &envelope, &err) == 0)
        envelope_fini(&envelope);
    exempt_draft_fini(&again);
    exempt_draft_fini(&draft);
    free(text);
}

/* Rows without a fault are an exempt list. */
static void take_exempt_csv(const char *data, size_t size)
{
    static struct import_result rows; /* large */
    struct err_text err = {""};
    struct exempt_draft draft;
    struct exempt_changes changes = {0};
    struct envelope envelope;
    if (import_exempt_csv("x.csv", data, size, signing, &rows, &err) == 0) {
        assert(exempt_draft_init(&draft, "lu-hz") == 0);
        assert(exempt_draft_put(&draft, rows.entries, false, &changes) == 0);
        int result = exempt_draft_compose(&draft, signing, &envelope, &err);
        assert(result == 0 || result == ERR_TOO_LARGE);
        if (result == 0)
            envelope_fini(&envelope);
        exempt_draft_fini(&draft);
    } else {
        assert(err.text[0] || rows.fault_count > 0);
    }
    import_fini(&rows);
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
    take_exempt((const char *)data, size);
    take_exempt_csv((const char *)data, size);
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
