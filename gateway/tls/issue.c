/*
 * See issue.h. No state.
 */
#include "gateway/tls/issue.h"

#include <arpa/inet.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "gateway/tls/pem.h"

enum { SERIAL_BITS = 159, SAN_TEXT_SIZE = 1024, HOST_NAME_BYTES = 100 };

int tls_key_kind_check(const EVP_PKEY *key, struct err_text *err)
{
    char group[32] = "";
    size_t size = 0;
    if (EVP_PKEY_is_a(key, "ED25519"))
        return 0;
    if (EVP_PKEY_is_a(key, "EC") &&
        EVP_PKEY_get_group_name(key, group, sizeof(group), &size) == 1 &&
        (strcmp(group, "prime256v1") == 0 || strcmp(group, "secp384r1") == 0))
        return 0;
    ERR_clear_error();
    return err_set(err, ERR_UNSUPPORTED, "key kind, expected P-256, P-384 or Ed25519");
}

static bool set_serial(X509 *certificate)
{
    BIGNUM *number = BN_new();
    bool ok = number && BN_rand(number, SERIAL_BITS, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1 &&
              BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != NULL;
    BN_free(number);
    return ok;
}

static bool set_validity(X509 *certificate, struct wall_time now, int days, const X509 *root)
{
    time_t from = (time_t)(now.ms / 1000) - TLS_BACKDATE_S;
    time_t until = (time_t)(now.ms / 1000) + (time_t)days * 86400;
    if (!ASN1_TIME_set(X509_getm_notBefore(certificate), from) ||
        !ASN1_TIME_set(X509_getm_notAfter(certificate), until))
        return false;
    if (root && ASN1_TIME_compare(X509_get0_notAfter(certificate), X509_get0_notAfter(root)) > 0)
        return X509_set1_notAfter(certificate, X509_get0_notAfter(root)) == 1;
    return true;
}

static bool set_subject(X509 *certificate, const char *common_name)
{
    X509_NAME *name = X509_get_subject_name(certificate);
    return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)common_name,
                                      -1, -1, 0) == 1;
}

static bool add_extension(X509 *certificate, const X509 *root, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, (X509 *)(uintptr_t)root, certificate, NULL, NULL, 0); /* only read */
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    bool ok = extension && X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return ok;
}

static const EVP_MD *digest_for(const EVP_PKEY *key)
{
    return EVP_PKEY_is_a(key, "ED25519") ? NULL : EVP_sha256();
}

static X509 *new_certificate(EVP_PKEY *public_key, struct wall_time now, int days, const X509 *root)
{
    X509 *certificate = X509_new();
    if (certificate && X509_set_version(certificate, X509_VERSION_3) == 1 &&
        set_serial(certificate) && set_validity(certificate, now, days, root) &&
        X509_set_pubkey(certificate, public_key) == 1)
        return certificate;
    X509_free(certificate);
    return NULL;
}

/* A CA certificate of `key`, signed by `signer_key`; `signer` NULL: by itself. */
static X509 *new_authority(EVP_PKEY *key, const char *common_name, struct wall_time now, int days,
                           const char *constraints, EVP_PKEY *signer_key, const X509 *signer)
{
    X509 *c = new_certificate(key, now, days, signer);
    const X509 *issuer = signer ? signer : c;
    if (c && set_subject(c, common_name) &&
        X509_set_issuer_name(c, X509_get_subject_name(issuer)) == 1 &&
        add_extension(c, c, NID_basic_constraints, constraints) &&
        add_extension(c, c, NID_key_usage, "critical,keyCertSign,cRLSign") &&
        add_extension(c, c, NID_subject_key_identifier, "hash") &&
        (!signer || add_extension(c, signer, NID_authority_key_identifier, "keyid:always")) &&
        X509_sign(c, signer_key, digest_for(signer_key)) > 0)
        return c;
    X509_free(c);
    return NULL;
}

static int check_days(int days, struct err_text *err)
{
    return days >= 1 && days <= TLS_DAYS_MAX
               ? 0
               : err_set(err, ERR_INVALID, "%d days, expected 1 to %d", days, TLS_DAYS_MAX);
}

static int take_authority(X509 *certificate, const char *what, X509 **out, struct err_text *err)
{
    if (!certificate)
        return tls_error(err, ERR_NO_MEMORY, what);
    *out = certificate;
    return 0;
}

int tls_issue_root(EVP_PKEY *key, const char *common_name, struct wall_time now, int days,
                   X509 **out, struct err_text *err)
{
    int rc = check_days(days, err);
    if (rc != 0)
        return rc;
    return take_authority(
        new_authority(key, common_name, now, days, "critical,CA:TRUE,pathlen:0", key, NULL),
        "root certificate", out, err);
}

int tls_issue_upper_root(EVP_PKEY *key, const char *common_name, struct wall_time now, int days,
                         X509 **out, struct err_text *err)
{
    int rc = check_days(days, err);
    if (rc != 0)
        return rc;
    return take_authority(
        new_authority(key, common_name, now, days, "critical,CA:TRUE,pathlen:1", key, NULL),
        "root certificate", out, err);
}

int tls_issue_issuer(EVP_PKEY *root_key, const X509 *root, EVP_PKEY *key, const char *common_name,
                     struct wall_time now, int days, X509 **out, struct err_text *err)
{
    int rc = check_days(days, err);
    if (rc != 0)
        return rc;
    return take_authority(
        new_authority(key, common_name, now, days, "critical,CA:TRUE,pathlen:0", root_key, root),
        "issuing certificate", out, err);
}

/* Whether a certificate of that kind is a server's, and may name hosts. */
static bool is_server(enum tls_peer_kind kind)
{
    return kind == TLS_PEER_HQ || kind == TLS_PEER_CONSOLE;
}

/* A name has a letter: "192.168.1.999" is an address mistyped. */
static bool is_dns(const char *host)
{
    size_t size = strlen(host);
    size_t plain =
        strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_");
    return size > 0 && size <= HOST_NAME_BYTES && plain == size &&
           strspn(host, "0123456789.") != size;
}

/* "critical,URI:urn:…,DNS:…,IP:…" */
static int alternative_names(const struct tls_issue_request *request, char out[SAN_TEXT_SIZE],
                             struct err_text *err)
{
    char urn[TLS_URN_SIZE];
    if (tls_identity_format(&request->identity, urn) != 0)
        return err_set(err, ERR_INVALID, "identity: not a valid one");
    size_t used = (size_t)snprintf(out, SAN_TEXT_SIZE, "URI:%s", urn);
    for (int i = 0; i < TLS_HOSTS_MAX && request->hosts[i]; i++) {
        const char *host = request->hosts[i];
        uint8_t address[16];
        bool ip = inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;
        if (!is_server(request->identity.kind) || !(ip || is_dns(host)))
            return err_set(err, ERR_INVALID,
                           "host '%.100s': expected a name or an address, like "
                           "console.checkpoint.local or 192.168.10.2",
                           host);
        used += (size_t)snprintf(out + used, SAN_TEXT_SIZE - used, ",%s:%s", ip ? "IP" : "DNS",
                                 host); /* 8 hosts of 100 bytes fit */
    }
    return 0;
}

int tls_issue(EVP_PKEY *root_key, const X509 *root, const struct tls_issue_request *request,
              X509 **out, struct err_text *err)
{
    char names[SAN_TEXT_SIZE];
    const char *common_name =
        request->identity.name[0] ? request->identity.name : request->identity.fleet;
    const char *usage = is_server(request->identity.kind) ? "serverAuth" : "clientAuth";
    int rc = check_days(request->days, err);
    if (rc == 0)
        rc = alternative_names(request, names, err);
    if (rc == 0)
        rc = tls_key_kind_check(request->public_key, err);
    if (rc != 0)
        return rc;
    X509 *c = new_certificate(request->public_key, request->now, request->days, root);
    if (!c || !set_subject(c, common_name) ||
        X509_set_issuer_name(c, X509_get_subject_name(root)) != 1 ||
        !add_extension(c, root, NID_basic_constraints, "critical,CA:FALSE") ||
        !add_extension(c, root, NID_key_usage, "critical,digitalSignature") ||
        !add_extension(c, root, NID_ext_key_usage, usage) ||
        !add_extension(c, root, NID_subject_key_identifier, "hash") ||
        !add_extension(c, root, NID_authority_key_identifier, "keyid:always") ||
        !add_extension(c, root, NID_subject_alt_name, names) ||
        X509_sign(c, root_key, digest_for(root_key)) <= 0) {
        X509_free(c);
        return tls_error(err, ERR_NO_MEMORY, "certificate");
    }
    *out = c;
    return 0;
}
