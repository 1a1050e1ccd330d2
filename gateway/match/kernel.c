/* Which kernels there are. See kernel.h. */
#include "gateway/match/kernel.h"

/* Best first. */
static const struct kernel *const kernels[] = {
#if KERNEL_VECTOR
    &kernel_avx512,
    &kernel_avx2,
#endif
    &kernel_scalar,
};

const struct kernel *kernel_find(enum match_kernel wanted)
{
    for (size_t i = 0; i < sizeof(kernels) / sizeof(kernels[0]); i++) {
        if ((wanted == MATCH_KERNEL_BEST || kernels[i]->number == wanted) &&
            kernels[i]->runs_here()) {
            return kernels[i];
        }
    }
    return NULL;
}
