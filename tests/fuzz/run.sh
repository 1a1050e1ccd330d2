#!/usr/bin/env bash
# Runs every fuzz target under ASan+UBSan. usage: tests/fuzz/run.sh SECONDS [TARGET …]
# CHECKPOINT_SEED (default 1) seeds them. A finding stays in build/fuzz/findings/ and fails the run; keep it in tests/fuzz/corpus/ with its fix.
set -euo pipefail
cd "$(dirname "$0")/../.."
seconds=${1:?usage: tests/fuzz/run.sh SECONDS [TARGET …]}
shift
cmake --preset fuzz >/dev/null
cmake --build --preset fuzz --target fuzzers
targets=("$@")
[ ${#targets[@]} -gt 0 ] || mapfile -t targets < <(find build/fuzz/fuzz -maxdepth 1 -type f -executable -printf '%f\n' | sort)
seed=${CHECKPOINT_SEED:-1}
mkdir -p build/fuzz/findings
for target in "${targets[@]}"; do
    mkdir -p "build/fuzz/work/$target"
    "build/fuzz/fuzz/$target" -seed="$seed" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
        -artifact_prefix=build/fuzz/findings/ "build/fuzz/work/$target" \
        "tests/fuzz/corpus/${target#fuzz_}" 2>"build/fuzz/work/$target.log" ||
        { tail -40 "build/fuzz/work/$target.log"; echo "$target: finding in build/fuzz/findings/"; exit 1; }
    echo "{\"fuzz\":\"$target\",\"seconds\":$seconds,\"seed\":$seed,\"commit\":\"$(git rev-parse --short HEAD)\",\"executions\":$(sed -n 's/^stat::number_of_executed_units: //p' "build/fuzz/work/$target.log")}"
done
