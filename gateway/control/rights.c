/* See rights.h. */
#include "gateway/control/rights.h"

/* The roles of each need, a bit each. */
enum {
    ROLE_OFFICERS = 1u << OFFICER_ROLE_OFFICER | 1u << OFFICER_ROLE_LEADER,
    ROLE_SIGNERS = ROLE_OFFICERS | 1u << OFFICER_ROLE_AUXILIARY,
    ROLE_READERS = ROLE_SIGNERS | 1u << OFFICER_ROLE_AUDITOR,
    ROLE_TECHNICIANS = ROLE_OFFICERS | 1u << OFFICER_ROLE_TECHNICIAN,
    ROLE_ALL = ROLE_READERS | ROLE_TECHNICIANS
};

/* An emergency raise is anybody's at a tablet, as it is when nobody is signed on there: that a
 * technician or an auditor is must not keep the boom down. */
static unsigned raising_roles(const struct control_actor *actor, const json_t *args)
{
    if (!json_is_true(json_object_get(args, "emergency")))
        return ROLE_OFFICERS;
    return actor->console ? ROLE_ALL : ROLE_SIGNERS;
}

static unsigned roles_of(enum control_need need, const struct control_actor *actor,
                         const json_t *args)
{
    switch (need) {
    case CONTROL_ANYBODY:
    case CONTROL_ADMIN:
        return 0; /* no token, or not only by one */
    case CONTROL_SIGNED_ON:
        return ROLE_ALL;
    case CONTROL_READER:
        return ROLE_READERS;
    case CONTROL_SIGNER:
    case CONTROL_PROTECTIVE:
        return ROLE_SIGNERS;
    case CONTROL_OFFICER:
        return ROLE_OFFICERS;
    case CONTROL_RAISING:
        return raising_roles(actor, args);
    case CONTROL_LEADER:
        return 1u << OFFICER_ROLE_LEADER;
    case CONTROL_REVIEWER:
        return 1u << OFFICER_ROLE_LEADER | 1u << OFFICER_ROLE_AUDITOR;
    case CONTROL_TECHNICIAN:
        return ROLE_TECHNICIANS;
    }
    return 0;
}

const char *rights_need_name(enum control_need need)
{
    switch (need) {
    case CONTROL_ANYBODY:
        return "anybody";
    case CONTROL_SIGNED_ON:
        return "signed_on";
    case CONTROL_READER:
        return "reader";
    case CONTROL_SIGNER:
        return "signer";
    case CONTROL_OFFICER:
        return "officer";
    case CONTROL_PROTECTIVE:
        return "protective";
    case CONTROL_RAISING:
        return "raising";
    case CONTROL_LEADER:
        return "leader";
    case CONTROL_REVIEWER:
        return "reviewer";
    case CONTROL_TECHNICIAN:
        return "technician";
    case CONTROL_ADMIN:
        return "admin";
    }
    return "";
}

bool rights_may(enum control_need need, const struct control_actor *actor, const json_t *args)
{
    if (need == CONTROL_ANYBODY)
        return true;
    if (need == CONTROL_ADMIN)
        return actor->admin || actor->role == OFFICER_ROLE_LEADER;
    return actor->officer[0] != '\0' && (roles_of(need, actor, args) & 1u << actor->role) != 0;
}

bool rights_see_plates(const struct token *token)
{
    return token && (ROLE_READERS & 1u << token->holder.role) != 0;
}
