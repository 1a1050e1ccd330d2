/*
 * What is wrong with a CSV, told to a person and as JSON. Internal to hqctl.
 */
#pragma once

#include "gateway/app/hqctl/hqctl.h"
#include "gateway/hqctl/import.h"

/* Every fault kept, with file, line and column, and how many there are. Returns the status. */
int import_faults_say(const struct hqctl *h, const char *path, const struct import_result *result);
