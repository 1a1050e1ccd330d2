/* Any bytes as a rule file: refused with a text, or a set whose every decision keeps the bounds. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "rules/rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_decisions(const struct rule_set *set)
{
    struct plate_read read = {.kind = PLATE_KEY, .key = 1, .lane = 1};
    struct match_hit hit = {0};
    struct rules_input input = {.read = &read, .weekday = 1, .odds_db = RULES_ODDS_NONE};
    hit.entry.handling = HANDLING_STOP;
    hit.entry.priority = 1;
    input.list.state = LIST_CURRENT;
    for (unsigned n = 0; n < 5 * 3 * 2 * 2 * 2 * 2; n++) {
        struct decision d;
        unsigned kind = n % 5;
        input.hit = kind ? &hit : NULL;
        hit.kind = (enum match_kind)kind;
        hit.agreement = (enum class_agreement)(n / 5 % 3);
        hit.entry.risk = n / 15 % 2;
        input.clock_trusted = n / 30 % 2;
        input.cleared = n / 60 % 2;
        read.authenticity = n / 120 % 2 ? AUTH_TAG : AUTH_NONE;
        int rc = rules_evaluate(set, &input, &d);
        assert(rc == ERR_OK);
        bool certain = kind == MATCH_EXACT && hit.agreement == CLASS_AGREE && input.clock_trusted;
        assert(certain || (!d.hold && !d.siren && !d.strobe && d.level != ALERT_SOUNDING));
        assert(!(kind && hit.entry.risk) || (!d.siren && !d.strobe && d.level != ALERT_SOUNDING));
        assert(!d.raise || (!kind && input.cleared && read.authenticity != AUTH_NONE));
        assert(kind != MATCH_EXACT || d.level != ALERT_NONE);
        assert(memchr(d.rule, '\0', sizeof(d.rule)));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rule_set *set = NULL;
    struct err_text err = {""};
    int rc = rules_parse("f", (const char *)data, size, &set, &err);
    if (rc != ERR_OK) {
        assert(!set && err.text[0] == 'f' && err.text[1] == ':');
        return 0;
    }
    check_decisions(set);
    rules_destroy(set);
    return 0;
}
