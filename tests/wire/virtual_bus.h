/* The bus thread's clock, waiting and Modbus link, replaced at link time. See site.h. */
#pragma once

#include "site.h"

/* The site whose bus runs from now on; NULL: none. */
void virtual_bus_enter(struct site *site);
/* site.c: lets time pass up to until_ns. */
void site_pass(struct site *site, int64_t until_ns);
