/* Files of public keys that several programs read. Blocks on the disk; any thread. */
#pragma once

#include "gateway/signed/keyset.h"

/* Every *.pem of a folder as a root public key; other files are ignored. ERR_NOT_FOUND (no folder,
 * or fewer than ROOT_KEYS_NEEDED keys in it), ERR_INVALID (names the file), ERR_IO. */
int root_keys_load(const char *folder, struct root_keys *out, struct err_text *err) MUST_CHECK;
