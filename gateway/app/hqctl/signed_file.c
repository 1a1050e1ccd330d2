/*
 * See signed_file.h. No state.
 */
#include "gateway/app/hqctl/signed_file.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/base/file.h"
#include "gateway/base/json.h"
#include "gateway/hqctl/key_store.h"

/* ---- arguments ---- */

/* The rows of --keyset and --roots. */
#define KEYSET_ROWS(keyset, roots, use)                                                            \
    ARG_OPTION_TEXT("keyset", "FILE", keyset,                                                      \
                    "The key set, to " use "; with --roots, or --dir for both."),                  \
        ARG_OPTION_TEXT("roots", "FOLDER", roots, "The root public keys, *.pem.")

static int load_keyset(const struct hqctl *h, const char *keyset, const char *roots,
                       struct keyset **out, struct err_text *err)
{
    char keyset_path[KEY_STORE_PATH_SIZE];
    char roots_path[KEY_STORE_PATH_SIZE];
    struct root_keys keys;
    int rc = 0;
    *out = NULL;
    if (!keyset && !roots && !h->choice.folder)
        return 0;
    if ((!keyset || !roots) && !h->choice.folder)
        return err_set(err, ERR_INVALID, "--keyset and --roots: expected both, or --dir");
    if (!roots && (rc = key_store_path(roots_path, h->choice.folder, "roots", err)) != 0)
        return rc;
    if (!keyset && (rc = key_store_path(keyset_path, h->choice.folder, "keyset.json", err)) != 0)
        return rc;
    rc = key_store_read_roots(roots ? roots : roots_path, &keys, err);
    struct keyset *set = calloc(1, sizeof(*set));
    if (!set)
        return ERR_NO_MEMORY;
    if (rc == 0)
        rc = key_store_read_keyset(keyset ? keyset : keyset_path, &keys, set, err);
    if (rc != 0) {
        free(set);
        return rc;
    }
    *out = set;
    return 0;
}

static int parse(struct hqctl *h, int argc, char **argv, struct arg_spec *spec,
                 const char *const *keyset, const char *const *roots, struct signed_file_args *out)
{
    struct err_text err = {""};
    int status = hqctl_parse(h, argc, argv, spec);
    if (status >= 0)
        return status;
    int rc = load_keyset(h, *keyset, *roots, &out->set, &err);
    return rc == 0 ? -1 : hqctl_fail(h, rc, &err);
}

int signed_file_sign_args(struct hqctl *h, int argc, char **argv, const char *text,
                          struct signed_file_args *out)
{
    const char *keyset = NULL;
    const char *roots = NULL;
    *out = (struct signed_file_args){0};
    const struct arg_option options[] = {
        ARG_OPTION_TEXT_NEEDED("key", "FILE", &out->key,
                               "The clerk's list key, clerks/NAME.key.pem."),
        ARG_OPTION_TEXT("out", "FILE", &out->out,
                        "Where it goes signed. Default: FILE itself, so that one file goes from "
                        "hand to hand."),
        KEYSET_ROWS(&keyset, &roots, "name the clerks and refuse a key that is none"),
        HQCTL_PASSPHRASE_FD(h, "the key's")};
    struct arg_spec spec = {
        .text = text, ARG_OPTIONS(options), ARG_OPERANDS("FILE", 1, &out->path)};
    int status = parse(h, argc, argv, &spec, &keyset, &roots, out);
    if (!out->out)
        out->out = out->path;
    return status;
}

int signed_file_show_args(struct hqctl *h, int argc, char **argv, const char *text,
                          const char *operands, struct signed_file_args *out)
{
    const char *keyset = NULL;
    const char *roots = NULL;
    *out = (struct signed_file_args){0};
    const struct arg_option options[] = {KEYSET_ROWS(&keyset, &roots, "verify against")};
    struct arg_spec spec = {.text = text,
                            ARG_OPTIONS(options),
                            .operands = operands,
                            .operands_min = operands[0] != '[',
                            .operands_max = 1,
                            .operand = &out->path};
    return parse(h, argc, argv, &spec, &keyset, &roots, out);
}

int signed_file_connect(struct hqctl *h, const char *path, bool is_draft, const char *command)
{
    struct err_text err = {""};
    if (!is_draft)
        return hqctl_connect(h);
    int rc =
        err_set(&err, ERR_DENIED, "%s: is not signed yet: 'hqctl %s sign' first", path, command);
    return hqctl_fail(h, rc, &err);
}

/* ---- signing ---- */

static int check_key(const struct keyset *set, const struct sign_key *key, struct wall_time time,
                     const struct envelope *envelope, const char *path, struct err_text *err)
{
    const struct keyset_key *found = set ? keyset_find(set, KEY_ROLE_LIST, sign_key_id(key)) : NULL;
    if (!set)
        return 0;
    if (!found)
        return err_set(err, ERR_DENIED, "%s: is no clerk's list key in key set version %" PRIu64,
                       path, set->version);
    if (!keyset_key_valid(found, time)) {
        char until[WALL_TEXT_SIZE];
        wall_format(found->not_after, until);
        return err_set(err, ERR_DENIED, "%s: key of clerk %s is valid until %s", path,
                       found->holder, until);
    }
    for (int i = 0; i < envelope->signature_count; i++) {
        const struct keyset_key *other =
            keyset_find(set, KEY_ROLE_LIST, envelope->signatures[i].key_id);
        if (other && strcmp(other->holder, found->holder) == 0)
            return err_set(err, ERR_CONFLICT,
                           "clerk %s has signed it already, expected another clerk", found->holder);
    }
    return 0;
}

int signed_file_open_key(const struct hqctl *h, const char *path, const struct keyset *set,
                         struct wall_time time, const struct envelope *envelope,
                         struct sign_key **out, struct err_text *err)
{
    const struct passphrase_source source = hqctl_passphrases(h);
    struct sign_key *key = NULL;
    (void)fflush(hqctl_talk(h)); /* before the passphrase is asked; a broken one shows later */
    int rc = key_store_open(path, &source, path, &key, err);
    if (rc == 0)
        rc = check_key(set, key, time, envelope, path, err);
    if (rc != 0) {
        sign_key_free(key);
        return rc;
    }
    *out = key;
    return 0;
}

int signed_file_save(const char *path, const char *text, size_t size, bool replace,
                     struct err_text *err)
{
    if (!replace && access(path, F_OK) == 0)
        return err_set(err, ERR_CONFLICT, "%s: is there already; remove it or choose another --out",
                       path);
    return file_write_atomic(path, text, size, 0600, err);
}

void signed_file_tell(const char *file, int count, int needed, const char *command)
{
    bool more = count < needed;
    printf("Signed: %s has %d signature%s of %d needed.\n%s: hqctl %s %s %s\n", file, count,
           count == 1 ? "" : "s", needed, more ? "Another clerk signs it" : "Publish it", command,
           more ? "sign" : "publish", file);
}

/* ---- who signed ---- */

const char *signed_file_holder(const struct keyset *keyset, const uint8_t id[KEY_ID_SIZE],
                               char hash[HASH_TEXT_SIZE])
{
    const struct keyset_key *key = keyset ? keyset_find(keyset, KEY_ROLE_LIST, id) : NULL;
    hash_format(id, hash);
    return key ? key->holder : hash;
}

json_t *signed_file_signers_json(const struct envelope *envelope, const struct keyset *keyset)
{
    char hash[HASH_TEXT_SIZE];
    json_t *signers = json_array();
    for (int i = 0; i < envelope->signature_count; i++)
        (void)json_array_append_new(
            signers, json_string(signed_file_holder(keyset, envelope->signatures[i].key_id,
                                                    hash))); /* without memory it is missing */
    return signers;
}

void signed_file_show_signers(FILE *to, const struct envelope *envelope,
                              const struct keyset *keyset)
{
    char hash[HASH_TEXT_SIZE];
    for (int i = 0; i < envelope->signature_count; i++)
        hqctl_line(to, "Signed by %s",
                   signed_file_holder(keyset, envelope->signatures[i].key_id, hash));
}

void signed_file_signers_by(const json_t *envelope, const json_t *keys, char *out, size_t size)
{
    const json_t *signature;
    const json_t *key;
    size_t i;
    size_t k;
    size_t used = 0;
    out[0] = '\0';
    json_array_foreach(json_object_get(envelope, "signatures"), i, signature)
    {
        const char *id = hqctl_text_of(signature, "key");
        const char *name = id;
        json_array_foreach(keys, k, key)
        {
            if (strcmp(hqctl_text_of(key, "id"), id) == 0)
                name = hqctl_text_of(key, "holder");
        }
        int more = snprintf(out + used, size - used, "%s%s", i ? ", " : "", name);
        used += more > 0 && (size_t)more < size - used ? (size_t)more : 0;
    }
}

/* The keys of hqd's key set; new reference, NULL when it cannot be had. */
json_t *signed_file_keys_get(struct hqctl *h)
{
    struct hq_answer answer;
    struct envelope envelope = {0};
    json_t *payload = NULL;
    json_t *keys = NULL;
    if (hq_client_get(&h->client, "/v1/keyset", &answer, NULL) == 0 &&
        envelope_parse(answer.text, answer.size, &envelope, NULL) == 0 &&
        json_parse((const char *)envelope.payload, envelope.payload_size, &payload, NULL) == 0)
        keys = json_incref(json_object_get(payload, "keys"));
    json_decref(payload);
    envelope_fini(&envelope);
    hq_answer_fini(&answer);
    return keys;
}

void signed_file_name_signers(struct hqctl *h, const json_t *envelope, char *out, size_t size)
{
    json_t *keys = signed_file_keys_get(h);
    signed_file_signers_by(envelope, keys, out, size);
    json_decref(keys);
}

/* ---- sign and publish ---- */

int signed_file_sign(const struct hqctl *h, const struct signed_file_args *args,
                     struct wall_time time, struct envelope *envelope, struct err_text *err)
{
    struct sign_key *key = NULL;
    int rc = signed_file_open_key(h, args->key, args->set, time, envelope, &key, err);
    if (rc == 0) {
        rc = envelope_sign(envelope, key);
        if (rc != 0)
            (void)err_set(err, rc, "%s: %s", args->key,
                          rc == ERR_CONFLICT ? "this key has signed it already"
                                             : err_name(rc)); /* told with rc */
    }
    sign_key_free(key);
    return rc;
}

int signed_file_parse(const char *text, size_t size, enum statement_type type, struct envelope *out,
                      struct err_text *err)
{
    int rc = envelope_parse(text, size, out, err);
    return rc == 0 && out->type != type
               ? err_set(err, ERR_INVALID, "is a %s, expected %s", statement_type_name(out->type),
                         statement_type_name(type))
               : rc;
}

/* Who published the number we wanted: behind the error. */
static int explain_conflict(struct hqctl *h, const struct signed_file_put *put,
                            const struct hq_answer *refusal, struct err_text *err)
{
    char names[256] = "";
    struct hq_answer answer;
    long long held = (long long)hqctl_number_of(refusal->value, put->number_name);
    if (hq_client_get(&h->client, put->path, &answer, NULL) == 0)
        signed_file_name_signers(h, answer.value, names, sizeof(names));
    hq_answer_fini(&answer);
    return err_set(err, ERR_CONFLICT,
                   "%s %" PRIu64 " does not follow the %s in force, %s %lld%s%s: run '%s' again "
                   "and have it signed",
                   put->number_name, put->number, put->what, put->number_name, held,
                   names[0] ? ", signed by " : "", names, put->draft);
}

int signed_file_publish(struct hqctl *h, const struct signed_file_put *put,
                        const struct envelope *envelope, struct err_text *err)
{
    struct hq_answer answer = {0};
    char *text = NULL;
    size_t size = 0;
    int rc = envelope_write(envelope, &text, &size);
    if (rc == 0)
        rc = hq_client_ask(&h->client, "PUT", put->path, text, size, 0, &answer, err);
    if (rc == ERR_CONFLICT)
        rc = explain_conflict(h, put, &answer, err);
    hq_answer_fini(&answer);
    free(text);
    return rc;
}
