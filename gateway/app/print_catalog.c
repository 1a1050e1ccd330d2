/*
 * Prints the message catalogue of the systemd journal (journalctl -x), made from events.def:
 * `print_catalog en` or `print_catalog zh`. Runs during the build; not installed.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "gateway/base/log.h"

/* One entry; @FIELD@ is filled in by journalctl. */
static void print_event(const struct log_event_def *event, bool zh)
{
    char id[LOG_MESSAGE_ID_SIZE];
    log_message_id(event, id);
    printf("-- %s\n"
           "Subject: %s %d: %s\n"
           "Defined-By: checkpoint\n\n"
           "%s\n\n@CHECKPOINT_FIELDS@\n\n",
           id, event->name, event->number, zh ? event->text_zh : event->text_en,
           zh ? log_event_what_to_do_zh(event) : event->what_to_do);
}

int main(int argc, char **argv)
{
    size_t count = 0;
    const struct log_event_def *events = log_event_table(&count);
    bool zh = argc == 2 && strcmp(argv[1], "zh") == 0;
    if (argc != 2 || (!zh && strcmp(argv[1], "en") != 0)) {
        fprintf(stderr, "usage: print_catalog en|zh\n");
        return 2;
    }
    for (size_t i = 0; i < count; i++)
        print_event(&events[i], zh);
    return fflush(stdout) == 0 ? 0 : 1;
}
