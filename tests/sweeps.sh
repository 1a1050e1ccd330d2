# Sourced by tests/run.sh: the sweeps of the full tier, one line each, and the functions they are made of.
# A sweep is "sweep NAME COMMAND …": its command may take long, must end by itself and tells by its exit status whether
# it passed ('set -e' does not hold inside it: join steps by &&). It finds CHECKPOINT_SEED in its environment. The release suite is no sweep: it closes every run.

sweeps() {
    sweep asan suite asan
    sweep tsan suite tsan
    sweep tidy whole_tidy
    sweep lane_walks with_build release env CHECKPOINT_WALKS=50000 build/release/tests/gateway_lane_test_lane_walk
    sweep fuzz_build build_preset fuzz --target fuzzers
    local target
    for target in $(fuzz_targets); do
        sweep "$target" tests/fuzz/run.sh 60 "$target"
    done
}

# build_preset PRESET [OPTION OF cmake --build …]
build_preset() {
    local log
    log=$(mktemp)
    cmake --preset "$1" >"$log" 2>&1 || { cat "$log"; rm "$log"; return 1; }
    rm "$log"
    cmake --build --preset "$@"
}

# suite PRESET: a sanitizer build and its unit and corpus tests. System tests belong to the release build: they have
# deadlines, and the programs under them are many.
suite() {
    build_preset "$1" && ctest --preset "$1" -LE "system|repo|static" -j 2
}

# with_build PRESET COMMAND …
with_build() {
    build_preset "$1" && "${@:2}"
}

# clang-tidy over every file; the quick tier takes a sample.
whole_tidy() {
    build_preset release && CHECKPOINT_TIDY=all ctest --preset release -R '^static.tidy$' -V
}

fuzz_targets() {
    find tests/fuzz -name 'fuzz_*.c' -printf '%f\n' | sed 's/\.c$//' | sort
}
