/*
 * The files of a headquarters' folder: Ed25519 keys with their passphrases, the roots' public
 * halves, the key set. Blocks on the disk; main thread.
 */
#pragma once

#include "gateway/hqctl/passphrase.h"
#include "gateway/signed/keyset.h"

enum { KEY_STORE_PATH_SIZE = 1024 };

/* "<folder>/<name>"; ERR_TOO_LARGE. */
int key_store_path(char out[KEY_STORE_PATH_SIZE], const char *folder, const char *name,
                   struct err_text *err) MUST_CHECK;
/* A new key in a file of mode 0600. `passphrase` NULL: none. sign_key_free is the caller's. */
int key_store_create(const char *path, const char *passphrase, struct sign_key **out,
                     struct err_text *err) MUST_CHECK;
/* Opens a key file, asking for its passphrase; `whose` is shown. ERR_DENIED: mode, passphrase. */
int key_store_open(const char *path, const struct passphrase_source *source, const char *whose,
                   struct sign_key **out, struct err_text *err) MUST_CHECK;
/* The same with a key that opens observe records and signs nothing (X25519). */
int key_store_create_observe(const char *path, const char *passphrase, struct sign_key **out,
                             struct err_text *err) MUST_CHECK;
int key_store_open_observe(const char *path, const struct passphrase_source *source,
                           const char *whose, struct sign_key **out,
                           struct err_text *err) MUST_CHECK;
/* Every *.pem of a folder as root public keys. ERR_NOT_FOUND (fewer than two), ERR_INVALID. */
int key_store_read_roots(const char *folder, struct root_keys *out,
                         struct err_text *err) MUST_CHECK;
/* Reads and verifies a key set file. */
int key_store_read_keyset(const char *path, const struct root_keys *roots, struct keyset *out,
                          struct err_text *err) MUST_CHECK;
/* Signs a set, with the changes of root keys and the servers' roots it carries (NULL: none), by
 * root keys; heap text, the caller frees. */
int key_store_sign_keyset(const struct keyset *set, const json_t *root_changes,
                          const json_t *servers, struct sign_key *const *roots, int root_count,
                          char **out, size_t *out_size, struct err_text *err) MUST_CHECK;
/* Appends a key of `role` to a set. ERR_FULL. */
int key_store_add(struct keyset *set, enum key_role role, const char *holder,
                  const struct sign_key *key, struct wall_time from, int days,
                  struct err_text *err) MUST_CHECK;
