/*
 * A key file: public halves of roots, private keys with and without a passphrase. A root that is
 * taken must not be taken twice; a private key that is read must write and read back as itself.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/signed/keyset.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    struct root_keys roots = {0};
    struct sign_key *key = NULL;
    if (root_keys_add_pem(&roots, text, size) == 0) {
        int result = root_keys_add_pem(&roots, text, size);
        assert(roots.count == 1 && result == ERR_CONFLICT);
    }
    if (sign_key_from_pem(text, size, NULL, &key) == 0) {
        struct sign_key *again = NULL;
        char *pem = NULL;
        size_t pem_size = 0;
        int result = sign_key_to_pem(key, NULL, &pem, &pem_size);
        assert(result == 0);
        result = sign_key_from_pem(pem, pem_size, NULL, &again);
        assert(result == 0 && memcmp(sign_key_id(key), sign_key_id(again), KEY_ID_SIZE) == 0);
        free(pem);
        sign_key_free(again);
    }
    sign_key_free(key);
    return 0;
}
