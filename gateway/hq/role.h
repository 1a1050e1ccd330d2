/*
 * What a person at headquarters may be. Numbers stand in the database: never reused. Pure.
 */
#pragma once

#include <jansson.h>
#include <stddef.h>

#include "gateway/base/err.h"

enum hq_role {
    HQ_ROLE_APPLICANT = 1,            /* 申请人 */
    HQ_ROLE_REVIEWER = 2,             /* 审核人 */
    HQ_ROLE_APPROVER = 4,             /* 审批人 */
    HQ_ROLE_DUTY_OFFICER = 8,         /* 值班领导 */
    HQ_ROLE_AUDITOR = 16,             /* 审计员 */
    HQ_ROLE_FLEET_ADMINISTRATOR = 32, /* 设备管理员 */
    HQ_ROLES_ALL = 63
};

enum { HQ_ROLES_TEXT_SIZE = 96 };

/* "applicant", …; 0 when it is none. */
unsigned hq_role_parse(const char *name, size_t size);
/* "approver, auditor"; "" for none. */
void hq_roles_format(unsigned roles, char out[HQ_ROLES_TEXT_SIZE]);
/* ["approver","auditor"]; new reference, NULL without memory. */
json_t *hq_roles_json(unsigned roles);
