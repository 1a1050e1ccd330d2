/*
 * What an unknown key was probably meant to be. Internal to gateway/config. Pure.
 */
#pragma once

#include <stddef.h>

#include "gateway/config/config.h"

/* Writes "unknown key, did you mean 'baud'?", or the list of the section's keys when none is near.
 */
void nearest_key(const struct config_section *section, const char *key, char *out, size_t size);
