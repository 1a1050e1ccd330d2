# Sourced by tests/run.sh: the sweeps of the full tier, one line each, and the functions they are made of.
# A sweep is "sweep NAME COMMAND …": its command may take long, must end by itself and tells by its exit status whether
# it passed ('set -e' does not hold inside it: join steps by &&). It finds CHECKPOINT_SEED in its environment. The release suite is no sweep: it closes every run.

sweeps() {
    sweep asan suite asan
    sweep asan_system system_suite asan
    sweep tsan suite tsan
    sweep tsan_system system_suite tsan
    sweep tidy whole_tidy
    sweep flood with_build release flood
    sweep wired_cameras with_build release wired_cameras
    sweep console_hostile with_build asan console_hostile
    sweep spool with_build release spool
    sweep lane_mutants with_build release /usr/bin/python3 tests/mutate_lane.py
    sweep lane_mutants_walk with_build release /usr/bin/python3 tests/mutate_lane.py --by walk
    sweep lane_states with_build release build/release/tests/walk_lane
    sweep lane_wire with_build release env CHECKPOINT_EVENTS=1000000 build/release/tests/wire_test_wire_random
    sweep lane_orders with_build release env CHECKPOINT_EVENTS=1000000 build/release/tests/wire_test_wire_orders
    sweep lane_walks with_build release env CHECKPOINT_WALKS=50000 build/release/tests/gateway_lane_test_lane_walk
    sweep day with_build release env CHECKPOINT_UPDATES=1000000 build/release/tests/gateway_match_test_day
    sweep match_brute with_build release env CHECKPOINT_QUERIES=100000000 build/release/tests/gateway_match_test_brute
    sweep hq_postgres with_build release hq_over_postgres
    sweep hq_standby with_build release hq_standby
    sweep hq_faults with_build release hq_faults
    sweep hq_kills with_build release hq_kills
    sweep hq_power with_build release hq_power
    sweep flips with_build release env CHECKPOINT_FULL=1 build/release/tests/gateway_signed_test_flips
    sweep box_power with_build release box_power
    sweep rotation with_build release rotation
    sweep list_changes with_build tsan seeds 40 build/tsan/tests/gateway_app_test_in_force
    sweep list_entries with_build asan seeds 40 build/asan/tests/gateway_wanted_test_entries
    sweep plate_quick with_build release env CHECKPOINT_ROUNDS=100000000 build/release/tests/gateway_model_test_plate_quick
    sweep look with_build release env CHECKPOINT_ROUNDS=20000000 build/release/tests/gateway_capture_test_look
    sweep vehicle_traffic with_build release env CHECKPOINT_RUNS=1000 build/release/tests/gateway_pipeline_test_vehicle_sim
    sweep forged_reads with_build release env CHECKPOINT_RUNS=3000 build/release/tests/gateway_pipeline_test_vehicle_attacks
    sweep console_load with_build release browser_load
    sweep console_looks with_build release browser_looks
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

# suite PRESET: a sanitizer build and its unit, corpus and contract tests.
suite() {
    build_preset "$1" && suite_tests "$1"
}

suite_tests() {
    ctest --preset "$1" -LE "system|repo|static|browser" -j 4
}

# system_suite PRESET: the programs of a sanitizer build under every system test, one at a time: they are slow, and a
# report in a program's log fails its test.
system_suite() {
    build_preset "$1" && ctest --preset "$1" -L system
}

# Every key rotated by itself; the quick tier rotates them all at once.
rotation() {
    CHECKPOINT_ROTATE_EACH=1 CHECKPOINT_BUILD=build/release PYTHONPATH=tests PYTHONDONTWRITEBYTECODE=1 \
        /usr/bin/python3 -m pytest -q -p no:cacheprovider tests/system/test_rotation.py
}

# Ten minutes of garbage and of random plates; the quick tier has 8 s of it.
flood() {
    CHECKPOINT_FULL=1 CHECKPOINT_BUILD=build/release PYTHONPATH=tests PYTHONDONTWRITEBYTECODE=1 \
        /usr/bin/python3 -m pytest -q -p no:cacheprovider tests/system/test_faults_capture.py -k flood
}

# The self-test and spool mode, the slower cases too.
spool() {
    CHECKPOINT_FULL=1 CHECKPOINT_BUILD=build/release PYTHONPATH=tests PYTHONDONTWRITEBYTECODE=1 \
        /usr/bin/python3 -m pytest -q -p no:cacheprovider tests/system/test_self_test.py tests/system/test_spool.py
}

# Cameras on wires, one on the line of a lane's module among them.
wired_cameras() {
    CHECKPOINT_FULL=1 CHECKPOINT_BUILD=build/release PYTHONPATH=tests PYTHONDONTWRITEBYTECODE=1 \
        /usr/bin/python3 -m pytest -q -p no:cacheprovider tests/system/test_wired_cameras.py
}

# The console's hostile requests with those that wait for its deadlines, under ASan and UBSan.
console_hostile() {
    CHECKPOINT_FULL=1 CHECKPOINT_BUILD=build/asan CHECKPOINT_SANITIZE=1 PYTHONPATH=tests PYTHONDONTWRITEBYTECODE=1 \
        /usr/bin/python3 -m pytest -q -p no:cacheprovider tests/system/test_console_hostile.py
}

# Every test of hqd's own over PostgreSQL; the quick tier has their core.
hq_over_postgres() {
    CHECKPOINT_HQ_STORE=postgres CHECKPOINT_BUILD=build/release PYTHONPATH=tests PYTHONDONTWRITEBYTECODE=1 \
        /usr/bin/python3 -m pytest -q -p no:cacheprovider tests/system/test_hqd.py tests/system/test_hq_hostile.py \
        tests/system/test_hq_evidence.py
}

# A primary killed at a hundred points, its standby promoted.
hq_standby() {
    CHECKPOINT_ROUNDS=100 CHECKPOINT_BUILD=build/release PYTHONPATH=tests PYTHONDONTWRITEBYTECODE=1 \
        /usr/bin/python3 -m pytest -q -p no:cacheprovider tests/system/test_postgres.py -k standby
}

# Power cuts of the box, replayed from the logs of its programs' writes and syncs; without syncs they must lose.
box_power() {
    CHECKPOINT_ROUNDS=50 CHECKPOINT_BUILD=build/release PYTHONPATH=tests PYTHONDONTWRITEBYTECODE=1 \
        /usr/bin/python3 -m pytest -q -s -p no:cacheprovider tests/system/test_box_power.py
}

# Programs killed, the link bad, disks full: records counted at both ends after each of a hundred faults.
hq_faults() {
    CHECKPOINT_ROUNDS=100 CHECKPOINT_BUILD=build/release PYTHONPATH=tests PYTHONDONTWRITEBYTECODE=1 \
        /usr/bin/python3 -m pytest -q -s -p no:cacheprovider tests/system/test_hq_faults.py
}

# Each program and PostgreSQL's primary killed while records flow, the standby promoted.
hq_kills() {
    CHECKPOINT_ROUNDS=100 CHECKPOINT_BUILD=build/release PYTHONPATH=tests PYTHONDONTWRITEBYTECODE=1 \
        /usr/bin/python3 -m pytest -q -s -p no:cacheprovider tests/system/test_hq_kills.py
}

# Power cuts of headquarters, replayed from the log of hqd's writes and syncs; without syncs they must lose.
hq_power() {
    CHECKPOINT_ROUNDS=50 CHECKPOINT_BUILD=build/release PYTHONPATH=tests PYTHONDONTWRITEBYTECODE=1 \
        /usr/bin/python3 -m pytest -q -s -p no:cacheprovider tests/system/test_hq_power.py
}

# 50 consoles, a shift's hits in one page; every page, form and banner in every language and theme before axe-core.
browser_load() {
    CHECKPOINT_FULL=1 CHECKPOINT_BUILD=build/release /usr/bin/python3 tests/browser/run.py test_load.mjs
}

browser_looks() {
    local folder
    folder=$(mktemp -d)
    CHECKPOINT_FULL=1 CHECKPOINT_BUILD=build/release /usr/bin/python3 tests/browser/run.py test_pages.mjs &&
        CHECKPOINT_FULL=1 CHECKPOINT_BUILD=build/release /usr/bin/python3 tests/browser/run.py screens.mjs "$folder"
    set -- $?
    rm -r "$folder"
    return "$1"
}

# with_build PRESET COMMAND …
with_build() {
    build_preset "$1" && "${@:2}"
}

# seeds COUNT COMMAND …: the command with so many seeds, from CHECKPOINT_SEED on.
seeds() {
    local seed=${CHECKPOINT_SEED:-1} last
    last=$((seed + $1))
    shift
    while [ "$seed" -lt "$last" ]; do
        CHECKPOINT_SEED=$seed "$@" || return 1
        seed=$((seed + 1))
    done
}

# clang-tidy over every file; the quick tier takes a sample.
whole_tidy() {
    build_preset release && CHECKPOINT_TIDY=all ctest --preset release -R '^static.tidy$' -V
}

fuzz_targets() {
    find tests/fuzz -name 'fuzz_*.c' -printf '%f\n' | sed 's/\.c$//' | sort
}
