#!/usr/bin/env bash
# The main job, end to end, on a fresh Debian 12 machine: installs what is missing, builds, starts headquarters and one
# checkpoint with two simulated lanes, sends real datagrams of generated plates, and shows what happens.
#   image/demo.sh                        until Ctrl-C
#   image/demo.sh --seconds 20           ends by itself after 20 s of traffic
#   image/demo.sh --headless             plain lines, for logs and machines: an officer is played at the console
#   image/demo.sh --certificates         the console lets in paired tablets only, as shipped (--headless too)
#   image/demo.sh --seed N               other plates
# The last line is one JSON object. Exit status 0 only if nothing is missing. Everything it starts it stops again.
set -euo pipefail
cd "$(dirname "$0")/.."

for argument in "$@"; do
    case "$argument" in
    -h | --help)
        sed -n '2,9s/^# \{0,1\}//p' "$0"
        exit 0
        ;;
    esac
done

source tests/setup.sh
setup_packages
if ! { cmake --preset release && cmake --build --preset release; } >demo-build.log 2>&1; then
    tail -n 40 demo-build.log >&2
    echo "image/demo.sh: the build failed, demo-build.log has all of it" >&2
    exit 1
fi
rm demo-build.log
PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$PWD/tests" exec /usr/bin/python3 image/demo "$@"
