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

# What the console's tests drive the browser with: a Node that is there, else Debian's, and two npm packages into
# build/browser, anew only when their lock file changed.
setup_browser() {
    local here there
    here="$(dirname "${BASH_SOURCE[0]}")/browser"
    there="$(dirname "${BASH_SOURCE[0]}")/../build/browser"
    if ! { command -v npm && node -e 'process.exit(parseInt(process.versions.node) >= 18 ? 0 : 1)'; } >/dev/null 2>&1; then
        echo "installing nodejs, npm"
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends nodejs npm >/dev/null
    fi
    cmp -s "$here/package-lock.json" "$there/installed-lock.json" && return 0
    mkdir -p "$there"
    cp "$here/package.json" "$here/package-lock.json" "$there/"
    npm ci --prefix "$there" --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null
    cp "$here/package-lock.json" "$there/installed-lock.json"
}
