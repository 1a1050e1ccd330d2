/*
 * The draft of a match policy: what clerks are to sign, JSON a person can read:
 *
 *   {"type":"match-policy-draft/1","fleet":"lu-hz","version":3,
 *    "false_alerts":3,"look_alike":1,"traffic":0,
 *    "channels":{"latin":{channel file},"mainland":{channel file}}}
 *
 * The channel files are those of gateway/match/channel.h, whole; they are checked when they come in
 * and signed as their canonical text. Pure, any thread.
 */
#pragma once

#include "gateway/match/channel.h"
#include "gateway/signed/match_policy.h"

enum { POLICY_FILE_MAX = 4 << 20 /* bytes */ };

struct policy_draft {
    uint64_t version; /* it becomes this one */
    char fleet[FLEET_NAME_MAX + 1];
    uint32_t false_alerts;
    uint32_t traffic; /* 0: each box goes by its own count */
    uint8_t look_alike_max;
    struct {
        char *text; /* heap; NULL: no channel of this alphabet */
        size_t size_bytes;
    } channels[CHANNEL_ALPHABETS];
};

/* The built-in values, version 1, no channel. */
void policy_draft_init(struct policy_draft *draft, const char *fleet);
/* The one after `policy`, with all it says. ERR_INVALID (a channel), ERR_NO_MEMORY. */
int policy_draft_after(struct policy_draft *draft, const struct match_policy *policy,
                       struct err_text *err) MUST_CHECK;
/* Takes a channel file in place of its alphabet's. The errors of channel_parse. */
int policy_draft_set_channel(struct policy_draft *draft, const char *text, size_t size,
                             struct err_text *err) MUST_CHECK;
void policy_draft_drop_channels(struct policy_draft *draft);
int policy_draft_read(const char *text, size_t size, struct policy_draft *out,
                      struct err_text *err) MUST_CHECK;
/* Heap, NUL-terminated; the caller frees. ERR_NO_MEMORY. */
int policy_draft_write(const struct policy_draft *draft, char **out, size_t *out_size) MUST_CHECK;
/* An unsigned envelope dated `now`. The errors of match_policy_compose. */
int policy_draft_compose(const struct policy_draft *draft, struct wall_time now,
                         struct envelope *out, struct err_text *err) MUST_CHECK;
void policy_draft_fini(struct policy_draft *draft);
