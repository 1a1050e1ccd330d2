/*
 * EST messages off the wire: first byte chooses request or answer. Whatever parses must write and
 * read back.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/tls/est.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err_text err;
    if (size < 1)
        return 0;
    const char *text = (const char *)data + 1;
    if (data[0] & 1) {
        X509_REQ *request = NULL;
        struct tls_identity id;
        if (est_request_read(text, size - 1, &request, &err) == 0 &&
            est_request_identity(request, &id, &err) == 0) {
            char urn[TLS_URN_SIZE];
            assert(tls_identity_format(&id, urn) == 0);
        }
        X509_REQ_free(request);
        return 0;
    }
    STACK_OF(X509) *certificates = NULL;
    if (est_certificates_read(text, size - 1, &certificates, &err) != 0)
        return 0;
    char *again = NULL;
    if (est_certificates_write(certificates, &again) == 0) {
        STACK_OF(X509) *copy = NULL;
        if (est_certificates_read(again, strlen(again), &copy, &err) == 0)
            assert(sk_X509_num(copy) == sk_X509_num(certificates));
        sk_X509_pop_free(copy, X509_free);
    }
    free(again);
    sk_X509_pop_free(certificates, X509_free);
    return 0;
}
