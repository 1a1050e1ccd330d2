/* See notes.h. */
#include "gateway/console/notes.h"

#include <inttypes.h>

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
    log_event(event, "address=%s tablet=%s reason=\"%s\" count=%" PRIu64, address, tablet, why,
              notes->kinds[i].unsaid);
    notes->kinds[i].due = mono_add_ms(now, NOTES_TELL_MS);
    notes->kinds[i].unsaid = 0;
}
