/*
 * The files of the wanted commands: a draft or signed batches, read and saved, and how they are
 * shown to the person who signs. Internal to hqctl.
 */
#pragma once

#include "gateway/app/hqctl/hqctl.h"
#include "gateway/hqctl/batch_file.h"

/* A draft, or signed batches. */
struct wanted_file {
    bool is_draft;
    struct draft draft;
    struct batch_file batches;
};

int wanted_file_open(const char *path, struct wanted_file *out, struct err_text *err) MUST_CHECK;
void wanted_file_close(struct wanted_file *file);
/* Writes a file of mode 0600; an existing one is replaced only with `replace`. */
int wanted_file_save(const char *path, const char *text, size_t size, bool replace,
                     struct err_text *err) MUST_CHECK;
int wanted_draft_save(const char *path, const struct draft *draft, bool replace,
                      struct err_text *err) MUST_CHECK;
int wanted_batches_save(const char *path, const struct batch_file *batches,
                        struct err_text *err) MUST_CHECK;
/* What the batches do: counts, every priority-1 entry, each entry of a small one, who signed.
 * `keyset` NULL: signers are shown by key id. */
void wanted_batches_show(FILE *to, const struct batch_file *batches, const struct keyset *keyset);
json_t *wanted_batches_json(const struct batch_file *batches, const struct keyset *keyset);
/* The holder of a list key by the key set; without one, or without the key in it, the key id. */
const char *wanted_holder_of(const struct keyset *keyset, const uint8_t id[KEY_ID_SIZE],
                             char hash[HASH_TEXT_SIZE]);
/* With a key set at hand: the key is a clerk's, valid at `time`, and of nobody who signed the
 * envelope already. ERR_DENIED, ERR_CONFLICT; `err` names `path`. */
int wanted_signer_check(const struct keyset *set, const struct sign_key *key, struct wall_time time,
                        const struct envelope *envelope, const char *path,
                        struct err_text *err) MUST_CHECK;
/* Opens the key at `path`, asking for its passphrase when what is signed was shown, and checks it
 * as above. *out is for sign_key_free(). */
int wanted_signer_open(const struct hqctl *h, const char *path, const struct keyset *set,
                       struct wall_time time, const struct envelope *envelope,
                       struct sign_key **out, struct err_text *err) MUST_CHECK;
/* For a person: how many signatures `file` has, and what comes next; `command`: "wanted". */
void wanted_signed_tell(const char *file, int count, int needed, const char *command);
/* "zhang, li": holders of an envelope's signatures by hqd's key set; only told, so not verified. */
void wanted_signers_name(struct hqctl *h, const json_t *envelope, char *out, size_t size);
/* The key set that names the clerks: --keyset FILE with --roots FOLDER, or those of --dir. *out is
 * NULL when neither is given; heap, the caller frees. */
int wanted_keyset_load(const struct hqctl *h, const char *keyset, const char *roots,
                       struct keyset **out, struct err_text *err) MUST_CHECK;
/* The head of the list, asked of hqd or read from a file. */
int wanted_head_get(struct hqctl *h, struct draft_head *out, struct err_text *err) MUST_CHECK;
int wanted_head_read(const char *path, struct draft_head *out, struct err_text *err) MUST_CHECK;
