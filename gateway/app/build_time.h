/* When this program was built, by CMake: time never lies before it (design page, "Clock"). */
#pragma once

#ifndef CHECKPOINT_BUILD_TIME_S
#error "CHECKPOINT_BUILD_TIME_S is set by gateway/app/CMakeLists.txt"
#endif
#define BUILD_TIME_MS ((int64_t)CHECKPOINT_BUILD_TIME_S * 1000)
