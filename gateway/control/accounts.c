/* See accounts.h. */
#include "gateway/control/accounts.h"

#include <crypt.h>
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "gateway/base/file.h"
#include "gateway/base/json.h"

enum {
    FILE_MAX_BYTES = 256 * 1024,
    YESCRYPT_COST = 7,     /* 40 ms of a core; a hash says its own, those made before stay good */
    NUMBER_MIN_DIGITS = 4, /* of an officer's number that a PIN may not contain */
    REPEATED_MAX = 3       /* digits of a pattern that a PIN may not be made of: 121212, 123123 */
};

struct accounts {
    char *path;
    /* A hash nobody knows the password of, so that unknown names take as long as known ones. */
    char decoy[sizeof((struct officer *)NULL)->hash];
    int count;
    struct officer officers[OFFICERS_MAX];
};

const char *officer_role_name(enum officer_role role)
{
    switch (role) {
    case OFFICER_ROLE_OFFICER:
        return "officer";
    case OFFICER_ROLE_LEADER:
        return "leader";
    case OFFICER_ROLE_AUXILIARY:
        return "auxiliary";
    case OFFICER_ROLE_TECHNICIAN:
        return "technician";
    case OFFICER_ROLE_AUDITOR:
        return "auditor";
    case OFFICER_ROLE_END:
        break;
    }
    return NULL;
}

int officer_role_parse(const char *name, enum officer_role *out)
{
    for (enum officer_role r = OFFICER_ROLE_OFFICER; r < OFFICER_ROLE_END; r++) {
        if (strcmp(name, officer_role_name(r)) == 0) {
            *out = r;
            return 0;
        }
    }
    return ERR_INVALID;
}

/* ---- checks ---- */

static bool is_name(const char *name)
{
    size_t size = strlen(name);
    return size > 0 && size <= OFFICER_NAME_MAX && !strchr("._-", name[0]) &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789._-") == size;
}

static int check_name(const char *name, struct err_text *err)
{
    if (is_name(name))
        return 0;
    return err_set(
        err, ERR_INVALID,
        "officer name: expected 1 to %d of a-z, 0-9, '.', '_', '-', a letter or digit first",
        OFFICER_NAME_MAX);
}

/* Shown and printed: no control characters. */
static int check_title(const char *title, struct err_text *err)
{
    bool fits = strlen(title) < OFFICER_TITLE_SIZE;
    for (const char *at = title; fits && *at != '\0'; at++)
        fits = (unsigned char)*at >= 0x20 && *at != 0x7f;
    if (fits)
        return 0;
    return err_set(err, ERR_INVALID, "name: expected up to %d bytes without control characters",
                   OFFICER_TITLE_SIZE - 1);
}

/* All the same, or the same few over and over. */
static bool is_repeated(const char *pin, size_t size)
{
    for (size_t length = 1; length <= REPEATED_MAX; length++) {
        bool repeated = true;
        for (size_t i = length; i < size && repeated; i++)
            repeated = pin[i] == pin[i - length];
        if (repeated)
            return true;
    }
    return false;
}

/* 234567, 987654; 890123 too. */
static bool is_run(const char *pin, size_t size)
{
    int step = (pin[1] - pin[0] + 10) % 10;
    for (size_t i = 2; i < size; i++)
        if ((pin[i] - pin[i - 1] + 10) % 10 != step)
            return false;
    return step == 1 || step == 9;
}

static int check_pin(const char *name, const char *pin, size_t size, struct err_text *err)
{
    if (size < PIN_MIN_DIGITS || size > PIN_MAX_DIGITS)
        return err_set(err, ERR_INVALID, "PIN: %zu digits, expected %d to %d", size, PIN_MIN_DIGITS,
                       PIN_MAX_DIGITS);
    if (is_repeated(pin, size) || is_run(pin, size))
        return err_set(err, ERR_INVALID,
                       "PIN: easily guessed: one digit or a few over and over, "
                       "or digits in a row");
    if ((strlen(name) >= NUMBER_MIN_DIGITS && strstr(pin, name)) || strstr(name, pin))
        return err_set(err, ERR_INVALID, "PIN: easily guessed: the officer's number");
    return 0;
}

static int check_password(const char *name, const char *password, struct err_text *err)
{
    size_t size = strlen(password);
    if (size > 0 && strspn(password, "0123456789") == size)
        return check_pin(name, password, size, err);
    if (size < PASSWORD_MIN_BYTES || size > PASSWORD_MAX_BYTES)
        return err_set(err, ERR_INVALID,
                       "password: %zu bytes, expected %d to %d, or a PIN of %d "
                       "to %d digits",
                       size, PASSWORD_MIN_BYTES, PASSWORD_MAX_BYTES, PIN_MIN_DIGITS,
                       PIN_MAX_DIGITS);
    if (strcmp(password, name) == 0)
        return err_set(err, ERR_INVALID, "password: easily guessed: the officer's name");
    return 0;
}

/* ---- hashes ---- */

static int hash_password(const char *password, char *out, size_t room, struct err_text *err)
{
    char salt[CRYPT_GENSALT_OUTPUT_SIZE];
    struct crypt_data *data = calloc(1, sizeof *data);
    if (!data)
        return err_set(err, ERR_NO_MEMORY, "password: no memory");
    int result = 0;
    if (!crypt_gensalt_rn("$y$", YESCRYPT_COST, NULL, 0, salt, sizeof salt))
        result = err_set(err, ERR_IO, "password: no random salt: %s", strerror(errno));
    const char *hash = result == 0 ? crypt_r(password, salt, data) : NULL;
    if (result == 0 && (!hash || hash[0] == '*' || strlen(hash) >= room))
        result = err_set(err, ERR_IO, "password: yescrypt failed");
    if (result == 0)
        memcpy(out, hash, strlen(hash) + 1);
    explicit_bzero(data, sizeof *data);
    free(data);
    return result;
}

static bool equal_constant_time(const char *a, const char *b)
{
    size_t size = strlen(a);
    unsigned char differs = strlen(b) != size;
    for (size_t i = 0; i < size && !(differs && b[i] == '\0'); i++)
        differs |= (unsigned char)(a[i] ^ b[i]);
    return differs == 0;
}

static bool password_fits(const char *password, const char *hash)
{
    struct crypt_data *data = calloc(1, sizeof *data);
    if (!data)
        return false;
    const char *again = crypt_r(password, hash, data);
    bool fits = again && again[0] != '*' && equal_constant_time(again, hash);
    explicit_bzero(data, sizeof *data);
    free(data);
    return fits;
}

/* ---- file ---- */

static int parse_officer(const json_t *value, struct officer *out, struct err_text *err)
{
    const char *name, *role, *hash;
    const char *title = "";
    int disabled;
    json_error_t why;
    /* json_unpack_ex only reads, whatever its signature says. */
    if (json_unpack_ex((json_t *)value, &why, JSON_STRICT, "{s:s,s?s,s:s,s:b,s:s}", "name", &name,
                       "title", &title, "role", &role, "disabled", &disabled, "hash", &hash) != 0)
        return err_set(err, ERR_CORRUPT, "%s", why.text);
    *out = (struct officer){.disabled = disabled != 0};
    if (!is_name(name) || check_title(title, NULL) != 0 ||
        officer_role_parse(role, &out->role) != 0 || strlen(hash) >= sizeof out->hash)
        return err_set(err, ERR_CORRUPT, "'%.40s': name, title, role or hash out of range", name);
    memcpy(out->name, name, strlen(name) + 1);
    memcpy(out->title, title, strlen(title) + 1);
    memcpy(out->hash, hash, strlen(hash) + 1);
    return 0;
}

static int parse_file(struct accounts *accounts, const json_t *root, struct err_text *err)
{
    const json_t *list = json_object_get(root, "officers");
    if (!json_is_array(list) || json_array_size(list) > OFFICERS_MAX)
        return err_set(err, ERR_CORRUPT, "officers: expected a list of at most %d", OFFICERS_MAX);
    for (size_t i = 0; i < json_array_size(list); i++) {
        struct officer officer;
        int result = parse_officer(json_array_get(list, i), &officer, err);
        if (result != 0)
            return err_prefix(err, result, "officers[%zu]", i);
        if (accounts_find(accounts, officer.name))
            return err_set(err, ERR_CORRUPT, "officers[%zu]: '%s' twice", i, officer.name);
        accounts->officers[accounts->count++] = officer;
    }
    return 0;
}

static int load(struct accounts *accounts, struct err_text *err)
{
    struct stat st;
    uint8_t *data;
    size_t size;
    json_t *root;
    if (stat(accounts->path, &st) == 0 && (st.st_mode & 077) != 0)
        return err_set(err, ERR_DENIED, "%s: readable or writable by others, expected mode 0600",
                       accounts->path);
    int result = file_read(accounts->path, FILE_MAX_BYTES, &data, &size, err);
    if (result == ERR_NOT_FOUND)
        return 0;
    if (result != 0)
        return result;
    result = json_parse((const char *)data, size, &root, err);
    explicit_bzero(data, size);
    free(data);
    if (result == 0) {
        result = parse_file(accounts, root, err);
        json_decref(root);
    } else {
        result = ERR_CORRUPT;
    }
    return result == 0 ? 0 : err_prefix(err, result, "%s", accounts->path);
}

static int save(const struct accounts *accounts, struct err_text *err)
{
    json_t *list = json_array();
    for (int i = 0; i < accounts->count; i++) {
        const struct officer *o = &accounts->officers[i];
        json_array_append_new(list, json_pack("{s:s,s:s,s:s,s:b,s:s}", "name", o->name, "title",
                                              o->title, "role", officer_role_name(o->role),
                                              "disabled", (int)o->disabled, "hash", o->hash));
    }
    json_t *root = json_pack("{s:o}", "officers", list);
    char *text = root ? json_dumps(root, JSON_INDENT(1) | JSON_SORT_KEYS) : NULL;
    json_decref(root);
    if (!text)
        return err_set(err, ERR_NO_MEMORY, "%s: no memory", accounts->path);
    int result = file_write_atomic(accounts->path, text, strlen(text), 0600, err);
    explicit_bzero(text, strlen(text));
    free(text);
    return result;
}

int accounts_open(const char *path, struct accounts **out, struct err_text *err)
{
    struct accounts *accounts = calloc(1, sizeof *accounts);
    if (!accounts)
        return err_set(err, ERR_NO_MEMORY, "accounts: no memory");
    accounts->path = strdup(path);
    int result = accounts->path ? 0 : err_set(err, ERR_NO_MEMORY, "accounts: no memory");
    if (result == 0)
        result =
            hash_password("nobody knows this one", accounts->decoy, sizeof accounts->decoy, err);
    if (result == 0)
        result = load(accounts, err);
    if (result != 0) {
        accounts_close(accounts);
        return result;
    }
    *out = accounts;
    return 0;
}

void accounts_close(struct accounts *accounts)
{
    if (!accounts)
        return;
    free(accounts->path);
    explicit_bzero(accounts, sizeof *accounts);
    free(accounts);
}

/* ---- officers ---- */

const struct officer *accounts_find(const struct accounts *accounts, const char *name)
{
    for (int i = 0; i < accounts->count; i++)
        if (strcmp(accounts->officers[i].name, name) == 0)
            return &accounts->officers[i];
    return NULL;
}

const struct officer *accounts_at(const struct accounts *accounts, int index)
{
    return index < accounts->count ? &accounts->officers[index] : NULL;
}

static int leaders(const struct accounts *accounts)
{
    int count = 0;
    for (int i = 0; i < accounts->count; i++)
        count +=
            accounts->officers[i].role == OFFICER_ROLE_LEADER && !accounts->officers[i].disabled;
    return count;
}

bool accounts_has_leader(const struct accounts *accounts)
{
    return leaders(accounts) > 0;
}

int accounts_add(struct accounts *accounts, const char *name, const char *title,
                 enum officer_role role, const char *password, struct err_text *err)
{
    struct officer officer = {.role = role};
    int result = check_name(name, err);
    if (result == 0)
        result = check_title(title, err);
    if (result == 0)
        result = check_password(name, password, err);
    if (result == 0 && accounts_find(accounts, name))
        result = err_set(err, ERR_CONFLICT, "officer '%s' exists already", name);
    if (result == 0 && accounts->count == OFFICERS_MAX)
        result = err_set(err, ERR_FULL, "more than %d officers", OFFICERS_MAX);
    if (result == 0)
        result = hash_password(password, officer.hash, sizeof officer.hash, err);
    if (result != 0)
        return result;
    memcpy(officer.name, name, strlen(name) + 1);
    memcpy(officer.title, title, strlen(title) + 1);
    accounts->officers[accounts->count++] = officer;
    result = save(accounts, err);
    if (result != 0)
        accounts->count--;
    return result;
}

/* Saves a changed copy of one officer, or leaves everything as it was. */
static int change(struct accounts *accounts, const struct officer *changed, struct err_text *err)
{
    struct officer *officer = (struct officer *)accounts_find(accounts, changed->name);
    struct officer before = *officer;
    *officer = *changed;
    int result = save(accounts, err);
    if (result != 0)
        *officer = before;
    return result;
}

int accounts_disable(struct accounts *accounts, const char *name, struct err_text *err)
{
    const struct officer *officer = accounts_find(accounts, name);
    if (!officer)
        return err_set(err, ERR_NOT_FOUND, "no officer '%.40s'", name);
    if (officer->role == OFFICER_ROLE_LEADER && !officer->disabled && leaders(accounts) == 1)
        return err_set(err, ERR_DENIED, "'%s' is the last leader: make another one first", name);
    struct officer changed = *officer;
    changed.disabled = true;
    return change(accounts, &changed, err);
}

int accounts_set_password(struct accounts *accounts, const char *name, const char *password,
                          struct err_text *err)
{
    const struct officer *officer = accounts_find(accounts, name);
    if (!officer)
        return err_set(err, ERR_NOT_FOUND, "no officer '%.40s'", name);
    struct officer changed = *officer;
    int result = check_password(name, password, err);
    if (result == 0)
        result = hash_password(password, changed.hash, sizeof changed.hash, err);
    return result == 0 ? change(accounts, &changed, err) : result;
}

int accounts_check(const struct accounts *accounts, const char *name, const char *password,
                   enum officer_role *out_role)
{
    const struct officer *officer = accounts_find(accounts, name);
    bool fits = password_fits(password, officer ? officer->hash : accounts->decoy);
    if (!officer || officer->disabled || !fits)
        return ERR_DENIED;
    *out_role = officer->role;
    return 0;
}
