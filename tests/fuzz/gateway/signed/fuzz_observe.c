/*
 * A sealed observe body: as text from the network, and, sealed anew, as a batch of any bytes. What
 * opens says hits that match and a plate; what does not says why.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/signed/observe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void open_text(const char *text, size_t size, const struct sign_key *key)
{
    struct observe_batch batch;
    struct err_text err = {""};
    uint8_t id[KEY_ID_SIZE];
    int result = observe_open(text, size, "lu-hz-01", key, &batch, &err);
    assert(result != 0 && err.text[0] != '\0'); /* nobody guesses a tag */
    result = observe_key_of(text, size, id, &err);
    assert(result == 0 || result == ERR_INVALID || result == ERR_UNSUPPORTED ||
           result == ERR_NO_MEMORY || result == ERR_TOO_LARGE || result == ERR_CORRUPT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct sign_key *key;
    char body[OBSERVE_BODY_MAX];
    struct observe_batch batch = {0};
    struct err_text err = {""};
    if (!key && sign_key_create(KEY_ALG_X25519, &key) != 0)
        abort();
    open_text((const char *)data, size, key);
    memcpy(&batch, data, size < sizeof(batch) ? size : sizeof(batch));
    int result =
        observe_seal(&batch, "lu-hz-01", sign_key_id(key), sign_key_public(key), NULL, body);
    assert(result == 0);
    result = observe_open(body, strlen(body), "lu-hz-01", key, &batch, &err);
    assert(result == 0 || result == ERR_INVALID);
    for (int i = 0; result == 0 && i < batch.count; i++) {
        char plate[PLATE_TEXT_SIZE];
        assert(match_kind_name(batch.hits[i].kind) &&
               plate_decode(batch.hits[i].read_key, plate) == 0);
    }
    return 0;
}
