/* See confirm.h. */
#include "gateway/uplink/confirm.h"

#include <stdio.h>
#include <stdlib.h>

#include "gateway/uplink/answers.h"

/* *out is heap text, one line; NULL: none came. */
static void ask(struct channel *channel, const struct box_ask *question, int within_ms, char **out,
                size_t *out_size)
{
    char path[UPLINK_PATH_SIZE];
    struct https_answer answer = {0};
    struct err_text err = {{0}};
    (void)snprintf(path, sizeof(path), "/v1/checkpoints/%s/confirm",
                   channel->site->own.checkpoint); /* ids are short */
    struct channel_ask ask = {.method = "POST",
                              .path = path,
                              .content_type = "application/json",
                              .body = question->text,
                              .body_size = question->size,
                              .total_timeout_ms = within_ms};
    *out = NULL;
    if (channel_send(channel, &ask, &answer, &err) == 0 && answer.status == 200 &&
        object_answer_read(answer.body, answer.size, out, out_size, &err) != 0)
        *out = NULL;
    https_answer_free(&answer);
}

void confirm_step(struct box *box, struct channel *channel)
{
    struct box_ask question;
    char *answer = NULL;
    size_t size = 0;
    if (box_take_ask(box, CONFIRM_LOOK_MS, &question) != 0)
        return;
    int64_t age_ms = mono_diff_ms(clock_mono(channel->site->clock), question.came);
    if (age_ms < CONFIRM_ASK_MS)
        ask(channel, &question, (int)(CONFIRM_ASK_MS - age_ms), &answer, &size);
    /* One of another size is none. Not taken: checkpointd has gone, and its question with it, or it
     * has other work. Either way it shows that no answer came. */
    if (answer && size <= CONFIRM_ANSWER_MAX)
        (void)!box_tell_standing(box, question.epoch, answer, size);
    free(answer);
    free(question.text);
}
