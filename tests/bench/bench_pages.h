/* Large pages for the length of a benchmark, which are given back when it ends. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Sees to it that the system has `bytes` of free 2 MB pages; what it had before is set again when
 * the program exits. False: it has not (no right to, no memory). */
bool bench_pages_reserve(size_t bytes);
