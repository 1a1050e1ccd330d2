/*
 * A draft or a file of signed batches of any bytes, as hqctl opens them. A draft that reads writes
 * to a file that reads the same; one that composes makes batches that follow one another.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/hqctl/batch_file.h"

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err_text err = {""};
    struct draft draft;
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
