/* See notes.h. */
#include "gateway/console/notes.h"

#include <inttypes.h>

static void say(struct notes *notes, int kind, const char *address, const char *tablet,
                const char *why)
{
    log_event(notes->kinds[kind].event, "address=%s tablet=%s reason=\"%s\" count=%" PRIu64,
              address, tablet, why, notes->kinds[kind].unsaid);
    notes->kinds[kind].due = mono_add_ms(clock_mono(&clock_system), NOTES_TELL_MS);
    notes->kinds[kind].unsaid = 0;
}

void notes_tell(struct notes *notes, enum log_event_id event, const char *address,
                const char *tablet, const char *why)
{
    struct mono_time now = clock_mono(&clock_system);
    int i = 0;
    while (i < NOTES_MAX - 1 && notes->kinds[i].event != 0 && notes->kinds[i].event != event)
        i++;
    notes->kinds[i].event = event;
    notes->kinds[i].unsaid++;
    if (mono_before(now, notes->kinds[i].due))
        return;
    say(notes, i, address, tablet, why);
}

void notes_tell_rest(struct notes *notes, bool all)
{
    struct mono_time now = clock_mono(&clock_system);
    for (int i = 0; i < NOTES_MAX; i++)
        if (notes->kinds[i].unsaid > 0 && (all || !mono_before(now, notes->kinds[i].due)))
            say(notes, i, "", "", "since it was told last");
}
