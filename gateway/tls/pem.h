/*
 * Certificates, requests and keys as PEM text, and key files as we keep them. Errors carry
 * OpenSSL's reason and leave its error queue empty. No state, any thread; files block on the disk.
 */
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stddef.h>

#include "gateway/base/err.h"
#include "gateway/base/key_pem.h"

enum { TLS_PASSPHRASE_MAX = KEY_PASSPHRASE_MAX };

/* Sets `err` to "what: reason" with OpenSSL's newest reason and empties its queue. Returns code. */
int tls_error(struct err_text *err, int code, const char *what) MUST_CHECK;

/* First certificate of a PEM text; X509_free is the caller's. ERR_INVALID. */
int tls_pem_certificate(const char *text, size_t size, X509 **out, struct err_text *err) MUST_CHECK;
/* Every certificate of a PEM text, at least one; sk_X509_pop_free is the caller's. ERR_INVALID. */
int tls_pem_certificates(const char *text, size_t size, STACK_OF(X509) * *out,
                         struct err_text *err) MUST_CHECK;
int tls_file_certificates(const char *path, STACK_OF(X509) * *out, struct err_text *err) MUST_CHECK;
/* PEM of certificates, heap, the caller frees. ERR_NO_MEMORY. */
int tls_pem_write_certificates(const STACK_OF(X509) * certificates, char **out) MUST_CHECK;
int tls_pem_write_certificate(const X509 *certificate, char **out) MUST_CHECK;

/* A new P-256 key. EVP_PKEY_free is the caller's. ERR_NO_MEMORY. */
int tls_key_create(EVP_PKEY **out, struct err_text *err) MUST_CHECK;
/* PKCS#8 without passphrase, mode 0600, durable. ERR_FULL, ERR_IO. */
int tls_key_file_write(const char *path, const EVP_PKEY *key, struct err_text *err) MUST_CHECK;
/* The same with a passphrase (1 to TLS_PASSPHRASE_MAX bytes): AES-256-CBC under scrypt N=16384 r=8
 * p=1 (RFC 7914), which stock openssl reads. ERR_INVALID besides. */
int tls_key_file_write_locked(const char *path, const EVP_PKEY *key, const char *passphrase,
                              struct err_text *err) MUST_CHECK;
/* Reads one with its passphrase, NULL for none. ERR_DENIED: the file's mode, or a wrong or missing
 * passphrase; ERR_NOT_FOUND, ERR_INVALID. */
int tls_key_file_read_locked(const char *path, const char *passphrase, EVP_PKEY **out,
                             struct err_text *err) MUST_CHECK;
/* A key file must be a regular file, ours or root's, unreadable for group and others: ERR_DENIED.
 */
int tls_key_file_check(const char *path, struct err_text *err) MUST_CHECK;
/* Checks and reads. ERR_DENIED, ERR_NOT_FOUND, ERR_INVALID. */
int tls_key_file_read(const char *path, EVP_PKEY **out, struct err_text *err) MUST_CHECK;
