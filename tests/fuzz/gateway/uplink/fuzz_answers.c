/*
 * Answers of headquarters and lines of checkpointd off the wire: the first byte chooses which.
 * Whatever is taken keeps its promises: numbers rise, texts are one line of JSON.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/uplink/answers.h"
#include "gateway/uplink/box_line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { AFTER = 7 };

static void one_line(const char *text, size_t size)
{
    assert(size >= 2 && text[0] == '{' && text[size - 1] == '}' && text[size] == '\0');
    assert(!memchr(text, '\n', size));
}

static void try_inbox(const char *text, size_t size)
{
    struct inbox_answer inbox;
    struct err_text err;
    uint64_t above = AFTER;
    if (inbox_answer_read(text, size, AFTER, &inbox, &err) != 0)
        return;
    for (size_t i = 0; i < inbox.count; i++) {
        assert(inbox.messages[i].number > above);
        above = inbox.messages[i].number;
        one_line(inbox.messages[i].text, inbox.messages[i].size);
    }
    assert(inbox.next == above);
    inbox_answer_free(&inbox);
}

static void try_head(const char *text, size_t size)
{
    struct head_answer head;
    struct err_text err;
    if (head_answer_read(text, size, &head, &err) != 0)
        return;
    if (head.freshness)
        one_line(head.freshness, head.freshness_size);
    head_answer_free(&head);
}

static void try_batches(const char *text, size_t size)
{
    struct batches_answer page;
    struct err_text err;
    if (batches_answer_read(text, size, AFTER, &page, &err) != 0)
        return;
    for (size_t i = 0; i < page.count; i++) {
        assert(page.batches[i].revision == AFTER + 1 + i);
        one_line(page.batches[i].envelope, page.batches[i].size);
    }
    batches_answer_free(&page);
}

static void try_object(const char *text, size_t size)
{
    char *line = NULL;
    size_t line_size = 0;
    char reason[ANSWER_REASON_SIZE];
    bool set_aside = false;
    struct err_text err;
    if (object_answer_read(text, size, &line, &line_size, &err) == 0)
        one_line(line, line_size);
    free(line);
    if (quarantine_answer_read(text, size, reason, &set_aside, &err) == 0)
        assert(strlen(reason) < ANSWER_REASON_SIZE);
}

static void try_line(const char *text, size_t size)
{
    struct box_line line;
    struct err_text err;
    if (box_line_parse(text, size, &line, &err) != 0)
        return;
    if (line.kind == BOX_RECORD || line.kind == BOX_URGENT || line.kind == BOX_ASK) {
        assert(line.event >= text && line.event + line.event_size < text + size);
        assert(line.event[0] == '{' && line.event[line.event_size - 1] == '}');
        assert(line.sequence > 0 || line.kind == BOX_ASK);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const tries[])(const char *text, size_t size) = {try_inbox, try_head, try_batches,
                                                                   try_object, try_line};
    if (size > 0)
        tries[data[0] % (sizeof(tries) / sizeof(tries[0]))]((const char *)data + 1, size - 1);
    return 0;
}
