/*
 * See role.h. No state.
 */
#include "gateway/hq/role.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    enum hq_role role;
} names[] = {
    {"applicant", HQ_ROLE_APPLICANT}, {"reviewer", HQ_ROLE_REVIEWER},
    {"approver", HQ_ROLE_APPROVER},   {"duty_officer", HQ_ROLE_DUTY_OFFICER},
    {"auditor", HQ_ROLE_AUDITOR},     {"fleet_administrator", HQ_ROLE_FLEET_ADMINISTRATOR},
};

enum { NAMES = sizeof(names) / sizeof(names[0]) };

unsigned hq_role_parse(const char *name, size_t size)
{
    for (size_t i = 0; i < NAMES; i++)
        if (strlen(names[i].name) == size && memcmp(names[i].name, name, size) == 0)
            return names[i].role;
    return 0;
}

void hq_roles_format(unsigned roles, char out[HQ_ROLES_TEXT_SIZE])
{
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < NAMES; i++)
        if (roles & names[i].role)
            used += (size_t)snprintf(out + used, HQ_ROLES_TEXT_SIZE - used, "%s%s", /* all fit */
                                     used ? ", " : "", names[i].name);
}

json_t *hq_roles_json(unsigned roles)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < NAMES; i++)
        if (roles & names[i].role && json_array_append_new(list, json_string(names[i].name)) != 0) {
            json_decref(list);
            return NULL;
        }
    return list;
}
