/* Any bytes as plate text: what is encoded quickly has the key of plate_encode(), by every kernel
 * and whatever '-' means. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "gateway/model/plate_quick.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static plate_key slow_key(const uint8_t *text, size_t size, enum plate_dash dash)
{
    struct plate_text out;
    plate_encode((const char *)text, size, dash, &out);
    return out.key;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum plate_quick_kernel kernels[] = {PLATE_QUICK_AVX512, PLATE_QUICK_AVX2,
                                                      PLATE_QUICK_SCALAR};
    struct plate_quick q;
    plate_key keys[PLATE_QUICK_MAX];
    plate_key one = 0;
    if (size <= PLATE_QUICK_BYTES_BEFORE)
        return 0;
    const uint8_t *text = data + PLATE_QUICK_BYTES_BEFORE;
    size -= PLATE_QUICK_BYTES_BEFORE;
    plate_quick_put(&q, 0, text, size);
    bool quick = plate_encode_quick(text, size, &one);
    assert(quick == (one != 0));
    for (size_t k = 0; k < sizeof kernels / sizeof kernels[0]; k++) {
        if (!plate_quick_has(kernels[k]))
            continue;
        plate_quick_encode_by(kernels[k], &q, 1, keys);
        assert(keys[0] == one);
    }
    if (quick) {
        assert(slow_key(text, size, PLATE_DASH_AUTO) == one);
        assert(slow_key(text, size, PLATE_DASH_IS_UNREAD) == one);
    }
    return 0;
}
