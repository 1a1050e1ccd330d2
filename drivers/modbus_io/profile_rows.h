/*
 * What the rows of a profile file share: addresses, tables, checks. Internal to profile.c and
 * profile_identity.c.
 */
#pragma once

#include "drivers/modbus_io/profile.h"

/* 0x1020 as manuals print it, or 4128. */
const char *profile_parse_word(const char *text, void *member);

#define WORD_ROW(type, member, key_, ...)                                                          \
    CONFIG_OPTION(type, member, key_, CONFIG_CUSTOM, .parse = profile_parse_word,                  \
                  .what = "0 to 65535 or 0x0000 to 0xFFFF", __VA_ARGS__)

extern const struct config_name profile_read_names[];

/* Addresses end at 0xFFFF. */
int profile_check_end(const struct config_at *at, uint16_t address, unsigned count,
                      struct err_text *err) MUST_CHECK;

extern const struct config_section profile_probe_section;     /* struct profile_probe */
extern const struct config_section profile_device_id_section; /* struct profile_device_id */
extern const struct config_section profile_server_id_section; /* struct profile_server_id */
