# Sourced by tests/run.sh and image/demo.sh: installs what a fresh Debian 12 machine lacks.

setup_packages() {
    local missing=() package list
    list="$(dirname "${BASH_SOURCE[0]}")/packages.txt"
    while read -r package; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' ||
            missing+=("$package")
    done <"$list"
    [ ${#missing[@]} -gt 0 ] || return 0
    echo "installing ${#missing[@]} packages: ${missing[*]}"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" \
        >/dev/null
}
