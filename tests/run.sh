#!/usr/bin/env bash
# Sets up a Debian 12 machine and runs the tests.
#   tests/run.sh           quick tier: unit and corpus tests under ASan+UBSan, then every test of the release build
#   tests/run.sh --full    every sweep of tests/sweeps.sh besides, each with its line in build/full/results.jsonl and its
#                          output in build/full/<sweep>.log; run again on the same commit it does what has not passed yet
#   tests/run.sh --list    the names of the sweeps
#   tests/run.sh --sweep NAME …    these sweeps alone, whether they passed before or not
#   tests/run.sh --screens [DIR]   screenshots of every page of the console into DIR (image/screens), nothing else
# CHECKPOINT_SEED (a number from 1) seeds the random tests; the quick tier has a fixed one, the full tier a new one a run.
# Exit status 0 only if everything passed. The closing lines of both tiers are ctest's.
set -euo pipefail
cd "$(dirname "$0")/.."
source tests/setup.sh
source tests/sweeps.sh

mode=quick
only=()
while [ $# -gt 0 ]; do
    case "$1" in
    --full) mode=full ;;
    --list) mode=list ;;
    --sweep) mode=only; shift; only=("$@"); break ;;
    --screens) mode=screens; shift; screens=${1:-image/screens}; break ;;
    -h | --help) sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "$0"; exit 0 ;;
    *) echo "tests/run.sh: unknown option '$1', expected --full, --list, --sweep, --screens or --help" >&2; exit 2 ;;
    esac
    shift
done
if [ "$mode" = only ] && [ ${#only[@]} -eq 0 ]; then
    echo "tests/run.sh: --sweep: expected the names of sweeps, see --list" >&2
    exit 2
fi
if [ "$mode" = quick ]; then
    export CHECKPOINT_SEED=${CHECKPOINT_SEED:-20261124}
else
    export CHECKPOINT_SEED=${CHECKPOINT_SEED:-$(($(od -An -N4 -tu4 /dev/urandom) + 1))}
fi

# sweep NAME COMMAND …: a row of the table in tests/sweeps.sh.
sweep() {
    local name=$1 begin=$SECONDS result=passed
    shift
    case "$mode" in
    list) echo "$name"; return ;;
    only) [[ " ${only[*]} " == *" $name "* ]] || return 0 ;;
    full)
        if passed_before "$name"; then
            echo "$name: passed before at this commit"
            return
        fi ;;
    esac
    known=$((known + 1))
    echo "$name …"
    "$@" >"build/full/$name.log" 2>&1 </dev/null || result=failed
    printf '{"sweep":"%s","commit":"%s","seed":%s,"result":"%s","seconds":%d,"time":"%s","log":"%s"}\n' \
        "$name" "$commit" "$CHECKPOINT_SEED" "$result" $((SECONDS - begin)) "$(date -u +%FT%TZ)" \
        "build/full/$name.log" | tee -a build/full/results.jsonl
    [ "$result" = passed ] || { tail -30 "build/full/$name.log"; failed+=("$name"); }
}

# A changed tree has no commit to speak of: its sweeps always run.
passed_before() {
    [[ "$commit" != *-changed && "$commit" != none ]] && [ -e build/full/results.jsonl ] &&
        grep -F "\"sweep\":\"$1\",\"commit\":\"$commit\"" build/full/results.jsonl | grep -qF '"result":"passed"'
}

commit_now() {
    local now
    now=$(git rev-parse HEAD 2>/dev/null) || { echo none; return; }
    [ -z "$(git status --porcelain)" ] || now=$now-changed
    echo "$now"
}

# Nothing but the last suite's result may follow its output, so a failed sweep is told before it.
tell_failed() {
    [ ${#failed[@]} -eq 0 ] || echo "FAILED sweeps: ${failed[*]} (see build/full/)"
}

# A lane that misses its scans for a moment must lose contact, so a machine that stands still can fail a test with
# simulated devices. In the quick tier what failed beside others runs once more, alone, and stands in build/unstable.txt;
# a test of another kind, more than UNSTABLE_MAX of them, or one that fails again, fails the tier. The full tier repeats nothing.
UNSTABLE_MAX=4
run_again_alone() {
    local failed_log=build/release/Testing/Temporary/LastTestsFailed.log
    [ "$mode" = quick ] && [ -s "$failed_log" ] || return 1
    cut -d: -f2 "$failed_log" >build/unstable.txt
    [ "$(wc -l <build/unstable.txt)" -le "$UNSTABLE_MAX" ] || return 1
    ! grep -qvE '^(system|contract)\.' build/unstable.txt || return 1
    echo "UNSTABLE, once more alone: $(paste -sd' ' build/unstable.txt)"
    ctest --preset release --rerun-failed -j 1
}

commit=$(commit_now)
known=0
failed=()
if [ "$mode" = list ]; then
    sweeps
    exit 0
fi
setup_packages
setup_browser
if [ "$mode" = screens ]; then
    build_preset release
    CHECKPOINT_BUILD=build/release exec /usr/bin/python3 tests/browser/run.py screens.mjs "$screens"
fi
echo "CHECKPOINT_SEED=$CHECKPOINT_SEED"
mkdir -p build/full
if [ "$mode" != quick ]; then
    sweeps
    tell_failed
fi
if [ "$mode" = only ]; then
    [ $known -eq ${#only[@]} ] || { echo "tests/run.sh: --sweep: ${only[*]}: not all are known, see --list" >&2; exit 2; }
    exit $((${#failed[@]} > 0))
fi
if [ "$mode" = quick ]; then
    build_preset asan
    # The other build begins behind these tests, which wait half their time; what does not build is told when it is built below.
    (renice -n 19 "$BASHPID" && build_preset release) >/dev/null 2>&1 &
    suite_tests asan || { wait; exit 1; }
    wait
fi
build_preset release
# Four at a time: its system tests wait for booms and deadlines more than they compute.
ctest --preset release -j 4 || run_again_alone || exit 1
exit $((${#failed[@]} > 0))
