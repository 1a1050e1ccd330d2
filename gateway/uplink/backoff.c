/* See backoff.h. */
#include "gateway/uplink/backoff.h"

void backoff_init(struct backoff *b, int min_ms, int max_ms, uint64_t seed)
{
    *b = (struct backoff){.min_ms = min_ms, .max_ms = max_ms, .next_ms = min_ms, .draw = seed | 1};
}

/* xorshift64 (Marsaglia): spread is all that is asked of it. */
static uint64_t draw(struct backoff *b)
{
    b->draw ^= b->draw << 13;
    b->draw ^= b->draw >> 7;
    b->draw ^= b->draw << 17;
    return b->draw;
}

int backoff_next(struct backoff *b)
{
    int half = b->next_ms / 2;
    int wait_ms = b->next_ms - half + (half > 0 ? (int)(draw(b) % (uint64_t)(half + 1)) : 0);
    b->next_ms = b->next_ms > b->max_ms / 2 ? b->max_ms : b->next_ms * 2;
    return wait_ms;
}

void backoff_reset(struct backoff *b)
{
    b->next_ms = b->min_ms;
}
