/* See pairing.h. */
#include "gateway/tls/pairing.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pkcs12.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/base/encode.h"
#include "gateway/tls/issue.h"
#include "gateway/tls/pem.h"

enum { CODE_SYMBOLS = 10, ITERATIONS = 100000, HEX_256 = 64 };

/* 32 symbols, without I, L, O, U. */
static const char symbols[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/* Groups of four. */
static int make_symbols(size_t count, char *out)
{
    uint8_t bytes[PAIRING_PASSWORD_SIZE];
    size_t at = 0;
    if (RAND_priv_bytes(bytes, (int)count) != 1)
        return ERR_IO;
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && i % 4 == 0)
            out[at++] = '-';
        out[at++] = symbols[bytes[i] % 32];
    }
    out[at] = '\0';
    explicit_bzero(bytes, sizeof(bytes));
    return 0;
}

int pairing_make_code(char out[PAIRING_CODE_SIZE])
{
    return make_symbols(CODE_SYMBOLS, out);
}

int pairing_make_password(char out[PAIRING_PASSWORD_SIZE])
{
    return make_symbols(16, out);
}

bool pairing_file_name(const char *code, char out[PAIRING_NAME_SIZE])
{
    char plain[CODE_SYMBOLS];
    uint8_t digest[EVP_MAX_MD_SIZE];
    size_t size = 0;
    for (const char *c = code; *c; c++) {
        int upper = toupper((unsigned char)*c);
        if (*c == '-' || *c == ' ')
            continue;
        if (size == CODE_SYMBOLS || !strchr(symbols, upper))
            return false;
        plain[size++] = (char)upper;
    }
    bool done =
        size == CODE_SYMBOLS && EVP_Digest(plain, size, digest, NULL, EVP_sha256(), NULL) == 1;
    explicit_bzero(plain, sizeof(plain));
    if (done)
        hex_encode(digest, HEX_256 / 2, out);
    return done;
}

bool pairing_tablet_ok(const char *name)
{
    return strlen(name) < PAIRING_TABLET_SIZE && tls_label_ok(name);
}

static int encode_bundle(PKCS12 *bundle, uint8_t **out, size_t *out_size, struct err_text *err)
{
    unsigned char *der = NULL;
    int size = bundle ? i2d_PKCS12(bundle, &der) : -1;
    uint8_t *copy = size > 0 ? malloc((size_t)size) : NULL;
    if (copy) {
        memcpy(copy, der, (size_t)size);
        *out = copy;
        *out_size = (size_t)size;
    }
    OPENSSL_clear_free(der, size > 0 ? (size_t)size : 0);
    return copy ? 0 : tls_error(err, ERR_NO_MEMORY, "PKCS#12");
}

int pairing_make_bundle(const char *tablet, EVP_PKEY *ca_key, X509 *ca, struct wall_time now,
                        const char *password, uint8_t **out, size_t *out_size,
                        uint8_t out_fingerprint[TLS_FINGERPRINT_SIZE], struct err_text *err)
{
    struct tls_issue_request request = {
        .identity = {.kind = TLS_PEER_TABLET}, .now = now, .days = PAIRING_DAYS};
    EVP_PKEY *key = NULL;
    X509 *certificate = NULL;
    PKCS12 *bundle = NULL;
    if (!pairing_tablet_ok(tablet))
        return err_set(err, ERR_INVALID,
                       "tablet '%.60s': expected 1 to %d of a-z 0-9 -, a letter or digit at both "
                       "ends",
                       tablet, PAIRING_TABLET_SIZE - 1);
    memcpy(request.identity.name, tablet, strlen(tablet) + 1);
    int rc = tls_key_create(&key, err);
    request.public_key = key;
    if (rc == 0)
        rc = tls_issue(ca_key, ca, &request, &certificate, err);
    if (rc == 0 && X509_digest(certificate, EVP_sha256(), out_fingerprint, NULL) != 1)
        rc = tls_error(err, ERR_NO_MEMORY, "fingerprint");
    if (rc == 0) {
        bundle = PKCS12_create(password, tablet, key, certificate, NULL, NID_aes_256_cbc,
                               NID_aes_256_cbc, ITERATIONS, ITERATIONS, 0);
        rc = encode_bundle(bundle, out, out_size, err);
    }
    PKCS12_free(bundle);
    X509_free(certificate);
    EVP_PKEY_free(key); /* wipes it */
    return rc;
}

/* A file that may still be fetched, opened; -1: none. */
static int open_fresh(const char *path, struct wall_time now, struct stat *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return -1;
    int64_t age_s = -1;
    if (fstat(fd, out) == 0)
        age_s = now.ms / 1000 - (int64_t)out->st_mtime;
    if (age_s >= -PAIRING_LIFE_S && age_s <= PAIRING_LIFE_S && S_ISREG(out->st_mode) &&
        out->st_size > 0 && out->st_size <= PAIRING_BUNDLE_MAX)
        return fd;
    close(fd);
    return -1;
}

int pairing_take(const char *folder, const char *code, struct wall_time now, uint8_t **out,
                 size_t *out_size)
{
    char name[PAIRING_NAME_SIZE];
    char path[512];
    struct stat about;
    if (!pairing_file_name(code, name) ||
        snprintf(path, sizeof(path), "%s/%s", folder, name) >= (int)sizeof(path))
        return ERR_NOT_FOUND;
    int fd = open_fresh(path, now, &about);
    if (fd < 0)
        return ERR_NOT_FOUND;
    size_t size = (size_t)about.st_size;
    uint8_t *bytes = malloc(size);
    /* Gone before it is given: whoever comes second finds nothing. */
    int rc = !bytes                                   ? ERR_NO_MEMORY
             : unlink(path) != 0                      ? ERR_IO
             : read(fd, bytes, size) != (ssize_t)size ? ERR_IO
                                                      : 0;
    close(fd);
    if (rc != 0) {
        free(bytes);
        return rc;
    }
    *out = bytes;
    *out_size = size;
    return 0;
}

void pairing_sweep(const char *folder, struct wall_time now)
{
    char path[512];
    struct stat about;
    DIR *dir = opendir(folder);
    const struct dirent *entry;
    while (dir && (entry = readdir(dir)) != NULL) {
        if (strlen(entry->d_name) != HEX_256 ||
            snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name) >= (int)sizeof(path))
            continue;
        int fd = open_fresh(path, now, &about);
        if (fd >= 0)
            close(fd);
        else
            (void)unlink(path); /* tried again the next time */
    }
    if (dir)
        closedir(dir);
}
