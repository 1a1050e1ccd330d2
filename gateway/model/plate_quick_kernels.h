/* The kernels behind plate_quick_encode(); internal. Each writes whole groups of 8 (AVX-512), 4 or
 * 1 keys, which stay within PLATE_QUICK_MAX. Words that look like plates are still in: the caller
 * takes them out. */
#pragma once

#include "gateway/model/plate_quick.h"

#if defined(__x86_64__)
#define PLATE_QUICK_X86 1
void plate_quick_avx512(const struct plate_quick *q, size_t count, plate_key *out);
void plate_quick_avx2(const struct plate_quick *q, size_t count, plate_key *out);
#else
#define PLATE_QUICK_X86 0
#endif
