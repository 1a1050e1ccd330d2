/* See ring.h. */
#include "gateway/console/ring.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void ring_init(struct ring *ring, size_t bytes_max)
{
    *ring = (struct ring){.bytes_max = bytes_max};
    TAILQ_INIT(&ring->lines);
}

static void drop_oldest(struct ring *ring)
{
    struct ring_line *line = TAILQ_FIRST(&ring->lines);
    TAILQ_REMOVE(&ring->lines, line, link);
    ring->bytes -= line->size;
    free(line);
}

void ring_clear(struct ring *ring)
{
    while (!TAILQ_EMPTY(&ring->lines))
        drop_oldest(ring);
}

int ring_add(struct ring *ring, const char *epoch, const char *line, size_t size)
{
    char head[96];
    uint64_t number = ++ring->newest;
    int head_size =
        snprintf(head, sizeof head, "id: %s-%" PRIu64 "\nevent: m\ndata: ", epoch, number);
    size_t whole = (size_t)head_size + size + 2;
    struct ring_line *new = malloc(sizeof *new + whole);
    if (!new) {
        ring_clear(ring); /* a gap: who has not read yet begins anew */
        return ERR_NO_MEMORY;
    }
    new->number = number;
    new->size = whole;
    memcpy(new->text, head, (size_t)head_size);
    memcpy(new->text + head_size, line, size);
    memcpy(new->text + head_size + size, "\n\n", 2);
    TAILQ_INSERT_TAIL(&ring->lines, new, link);
    ring->bytes += whole;
    while (ring->bytes > ring->bytes_max && TAILQ_FIRST(&ring->lines) != new)
        drop_oldest(ring);
    return 0;
}

const struct ring_line *ring_after(const struct ring *ring, uint64_t number)
{
    const struct ring_line *line;
    const struct ring_line *after = NULL;
    TAILQ_FOREACH_REVERSE(line, &ring->lines, ring_lines, link)
    {
        if (line->number <= number)
            break;
        after = line;
    }
    return after;
}

const struct ring_line *ring_next(const struct ring_line *line)
{
    return TAILQ_NEXT(line, link);
}

bool ring_reaches(const struct ring *ring, uint64_t number)
{
    const struct ring_line *first = TAILQ_FIRST(&ring->lines);
    if (number >= ring->newest)
        return number == ring->newest;
    return first && first->number <= number + 1;
}
