/*
 * What list batches, a match policy, an exempt list and retention terms have in common as files
 * that clerks sign: arguments of sign, show and publish, the key set that names the clerks, a
 * clerk's key, saving, who signed. Internal to hqctl.
 */
#pragma once

#include "gateway/app/hqctl/hqctl.h"
#include "gateway/signed/keyset.h"
#include "gateway/signed/sign_key.h"

/* What sign and show were asked for. */
struct signed_file_args {
    const char *path;   /* the file; NULL where it may be left out */
    const char *key;    /* sign: the clerk's */
    const char *out;    /* sign: where it goes */
    struct keyset *set; /* by --keyset and --roots, or --dir; NULL: none of them was given */
};

/* Parses the arguments of `sign` and reads the key set. Returns -1 to go on, then args->set is for
 * free(); else the status. `text` is the manual's. */
int signed_file_sign_args(struct hqctl *h, int argc, char **argv, const char *text,
                          struct signed_file_args *out);
/* The same of `show`; `operands`: "FILE", or "[FILE]" where it may be left out. */
int signed_file_show_args(struct hqctl *h, int argc, char **argv, const char *text,
                          const char *operands, struct signed_file_args *out);
/* Before publishing: connects. 0, or the status after saying why: a draft is not published.
 * `command`: "wanted". */
int signed_file_connect(struct hqctl *h, const char *path, bool is_draft, const char *command);

/* Opens the key at `path`, asking for its passphrase when what is signed was shown. With a key set
 * at hand it must be a clerk's, valid at `time`, and of nobody who signed the envelope already.
 * *out is for sign_key_free(). ERR_DENIED, ERR_CONFLICT; `err` names `path`. */
int signed_file_open_key(const struct hqctl *h, const char *path, const struct keyset *set,
                         struct wall_time time, const struct envelope *envelope,
                         struct sign_key **out, struct err_text *err) MUST_CHECK;
/* Opens the key of `args` as above and signs. `err` names the key. */
int signed_file_sign(const struct hqctl *h, const struct signed_file_args *args,
                     struct wall_time time, struct envelope *envelope,
                     struct err_text *err) MUST_CHECK;
/* An envelope that must be of that type; envelope_fini is the caller's, also after an error. */
int signed_file_parse(const char *text, size_t size, enum statement_type type, struct envelope *out,
                      struct err_text *err) MUST_CHECK;
/* Sends a statement of which the newest counts by its number. `what` as people call it ("match
 * policy"), `draft` the command that makes another. ERR_CONFLICT: who was first stands in `err`. */
struct signed_file_put {
    const char *path;        /* of hqd */
    const char *what;        /* "match policy" */
    const char *number_name; /* "version" */
    const char *draft;       /* "hqctl match policy draft" */
    uint64_t number;
};
int signed_file_publish(struct hqctl *h, const struct signed_file_put *put,
                        const struct envelope *envelope, struct err_text *err) MUST_CHECK;
/* Writes a file of mode 0600; an existing one is replaced only with `replace`. */
int signed_file_save(const char *path, const char *text, size_t size, bool replace,
                     struct err_text *err) MUST_CHECK;
/* For a person: how many signatures `file` has, and what comes next; `command`: "wanted". */
void signed_file_tell(const char *file, int count, int needed, const char *command);

/* The holder of a list key by the key set; without one, or without the key in it, the key id. */
const char *signed_file_holder(const struct keyset *keyset, const uint8_t id[KEY_ID_SIZE],
                               char hash[HASH_TEXT_SIZE]);
/* The holders of an envelope's signatures as a JSON array; new reference, NULL without memory. */
json_t *signed_file_signers_json(const struct envelope *envelope, const struct keyset *keyset);
/* "Signed by zhang", a line each. */
void signed_file_show_signers(FILE *to, const struct envelope *envelope,
                              const struct keyset *keyset);
/* "zhang, li": holders of an envelope's signatures by hqd's key set; only told, so not verified. */
void signed_file_name_signers(struct hqctl *h, const json_t *envelope, char *out, size_t size);
/* The same by the keys of one look at hqd's key set, NULL: none could be had; new reference. */
json_t *signed_file_keys_get(struct hqctl *h);
void signed_file_signers_by(const json_t *envelope, const json_t *keys, char *out, size_t size);
