/*
 * See identity.h. No state.
 */
#include "gateway/tls/identity.h"

#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gateway/base/file.h"
#include "gateway/tls/pem.h"

#define URN_ANY "urn:checkpoint"
#define URN_CHECKPOINT "urn:checkpoint:"
#define URN_HQ "urn:checkpoint-hq:"
#define URN_OPERATOR "urn:checkpoint-operator:"
#define URN_CONSOLE "urn:checkpoint-console:"
#define URN_TABLET "urn:checkpoint-tablet:"

/* The forms whose only label is a name. */
static const struct {
    enum tls_peer_kind kind;
    const char *prefix;
} named[] = {{TLS_PEER_CHECKPOINT, URN_CHECKPOINT},
             {TLS_PEER_CONSOLE, URN_CONSOLE},
             {TLS_PEER_TABLET, URN_TABLET}};
enum { NAMED = sizeof(named) / sizeof(named[0]) };

static bool label_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool label_size_ok(const char *text, size_t size)
{
    if (size == 0 || size >= TLS_LABEL_SIZE || !label_char(text[0]) || !label_char(text[size - 1]))
        return false;
    for (size_t i = 0; i < size; i++)
        if (!label_char(text[i]) && text[i] != '-')
            return false;
    return true;
}

bool tls_label_ok(const char *text)
{
    return label_size_ok(text, strlen(text));
}

static int take_label(const char *text, size_t size, char out[TLS_LABEL_SIZE])
{
    if (!label_size_ok(text, size))
        return ERR_INVALID;
    memcpy(out, text, size);
    out[size] = '\0';
    return 0;
}

static bool has_prefix(const char *text, size_t size, const char *prefix)
{
    size_t length = strlen(prefix);
    return size >= length && memcmp(text, prefix, length) == 0;
}

int tls_identity_parse(const char *urn, size_t size, struct tls_identity *out)
{
    struct tls_identity id = {0};
    int rc = ERR_INVALID;
    for (int i = 0; i < NAMED && id.kind == 0; i++)
        if (has_prefix(urn, size, named[i].prefix)) {
            size_t skip = strlen(named[i].prefix);
            id.kind = named[i].kind;
            rc = take_label(urn + skip, size - skip, id.name);
        }
    if (has_prefix(urn, size, URN_HQ)) {
        size_t skip = strlen(URN_HQ);
        id.kind = TLS_PEER_HQ;
        rc = take_label(urn + skip, size - skip, id.fleet);
    } else if (has_prefix(urn, size, URN_OPERATOR)) {
        const char *fleet = urn + strlen(URN_OPERATOR);
        size_t left = size - strlen(URN_OPERATOR);
        const char *colon = memchr(fleet, ':', left);
        id.kind = TLS_PEER_OPERATOR;
        if (colon && take_label(fleet, (size_t)(colon - fleet), id.fleet) == 0)
            rc = take_label(colon + 1, left - (size_t)(colon - fleet) - 1, id.name);
    }
    if (rc == 0)
        *out = id;
    return rc;
}

int tls_identity_format(const struct tls_identity *id, char out[TLS_URN_SIZE])
{
    bool fleet = tls_label_ok(id->fleet);
    bool name = tls_label_ok(id->name);
    for (int i = 0; i < NAMED; i++)
        if (id->kind == named[i].kind) {
            if (!name || id->fleet[0] != '\0')
                return ERR_INVALID;
            (void)snprintf(out, TLS_URN_SIZE, "%s%s", named[i].prefix, id->name); /* fits */
            return 0;
        }
    if (id->kind == TLS_PEER_HQ && fleet && id->name[0] == '\0')
        (void)snprintf(out, TLS_URN_SIZE, URN_HQ "%s", id->fleet); /* labels fit */
    else if (id->kind == TLS_PEER_OPERATOR && fleet && name)
        (void)snprintf(out, TLS_URN_SIZE, URN_OPERATOR "%s:%s", id->fleet, id->name); /* fits */
    else
        return ERR_INVALID;
    return 0;
}

bool tls_identity_equal(const struct tls_identity *a, const struct tls_identity *b)
{
    return a->kind == b->kind && strcmp(a->fleet, b->fleet) == 0 && strcmp(a->name, b->name) == 0;
}

/* Counts URIs of our own namespace in `names` and keeps the last that parses. */
static int find_identity(const GENERAL_NAMES *names, struct tls_identity *out, int *out_ours)
{
    int rc = ERR_INVALID;
    int ours = 0;
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        int type = 0;
        const ASN1_IA5STRING *uri = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), &type);
        if (type != GEN_URI)
            continue;
        const char *text = (const char *)ASN1_STRING_get0_data(uri);
        int size = ASN1_STRING_length(uri);
        if (size < 0 || !has_prefix(text, (size_t)size, URN_ANY))
            continue;
        ours++;
        rc = tls_identity_parse(text, (size_t)size, out);
        if (rc != 0)
            break;
    }
    *out_ours = ours;
    return rc;
}

int tls_identity_of(const X509 *certificate, struct tls_identity *out, struct err_text *err)
{
    struct tls_identity id;
    int ours = 0;
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    int rc = names ? find_identity(names, &id, &ours) : ERR_INVALID;
    GENERAL_NAMES_free(names);
    if (ours == 0)
        return err_set(err, ERR_INVALID, "certificate names no checkpoint, HQ or operator");
    if (ours > 1)
        return err_set(err, ERR_INVALID, "certificate names more than one identity");
    if (rc != 0)
        return err_set(err, rc, "certificate names a malformed identity");
    *out = id;
    return 0;
}

static int wall_of(const ASN1_TIME *time, struct wall_time *out)
{
    struct tm tm;
    if (!time || ASN1_TIME_to_tm(time, &tm) != 1)
        return ERR_INVALID;
    out->ms = (int64_t)timegm(&tm) * 1000;
    return 0;
}

int tls_cert_facts_of(const X509 *certificate, struct tls_cert_facts *out, struct err_text *err)
{
    struct tls_cert_facts facts;
    unsigned int size = 0;
    int rc = tls_identity_of(certificate, &facts.identity, err);
    if (rc != 0)
        return rc;
    if (wall_of(X509_get0_notBefore(certificate), &facts.not_before) != 0 ||
        wall_of(X509_get0_notAfter(certificate), &facts.not_after) != 0)
        return err_set(err, ERR_INVALID, "certificate without a readable validity");
    if (X509_digest(certificate, EVP_sha256(), facts.fingerprint, &size) != 1 ||
        size != TLS_FINGERPRINT_SIZE)
        return err_set(err, ERR_NO_MEMORY, "certificate fingerprint");
    *out = facts;
    return 0;
}

int tls_cert_file_facts(const char *path, struct tls_cert_facts *out, struct err_text *err)
{
    uint8_t *text = NULL;
    size_t size = 0;
    X509 *certificate = NULL;
    int rc = file_read(path, TLS_CERT_FILE_MAX, &text, &size, err);
    if (rc != 0)
        return rc;
    rc = tls_pem_certificate((const char *)text, size, &certificate, err);
    if (rc == 0)
        rc = tls_cert_facts_of(certificate, out, err);
    if (rc != 0)
        (void)err_prefix(err, rc, "%s", path); /* rc is returned below */
    X509_free(certificate);
    free(text);
    return rc;
}

struct wall_time tls_cert_renew_at(const struct tls_cert_facts *facts)
{
    int64_t life_ms = facts->not_after.ms - facts->not_before.ms;
    return (struct wall_time){facts->not_before.ms + life_ms / 3 * 2};
}
