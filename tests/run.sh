#!/usr/bin/env bash
# Sets up a Debian 12 machine and runs the tests.
#   tests/run.sh           quick tier: release and asan builds, every unit, corpus and system test
#   tests/run.sh --full    besides: the tsan build and each fuzz target for 60 s
# Exit status 0 only if everything passed. The closing lines are ctest's.
set -euo pipefail
cd "$(dirname "$0")/.."
source tests/setup.sh

full=no
for argument in "$@"; do
    case "$argument" in
    --full) full=yes ;;
    -h | --help) sed -n '2,5s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) echo "tests/run.sh: unknown option '$argument', expected --full or --help" >&2; exit 2 ;;
    esac
done

setup_packages

build() { # build PRESET
    cmake --preset "$1" >"build-$1.log" 2>&1 || { cat "build-$1.log"; return 1; }
    rm "build-$1.log"
    cmake --build --preset "$1"
}

if [ "$full" = yes ]; then
    build tsan
    ctest --preset tsan -LE "system|repo" -j 2
    tests/fuzz/run.sh 60
fi
build asan
ctest --preset asan -LE "system|repo" -j 2
build release
ctest --preset release -j 2
