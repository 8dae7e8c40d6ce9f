#!/bin/sh
# Installs the Debian packages named as arguments that are missing. Exit 3 with one clear message when it may not.
set -eu
missing=
for p in "$@"; do
    status=$(dpkg-query -W -f='${Status}' "$p" 2>/dev/null || true)
    [ "$status" = 'install ok installed' ] || missing="$missing $p"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" -eq 0 ]; then
    run=
elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
    run=sudo
else
    echo "setup: these Debian packages are missing and only root (or sudo) may install them:$missing" >&2
    echo "setup: run as root: apt-get install$missing" >&2
    exit 3
fi
echo "setup: installing$missing"
log=$(mktemp)
if ! { $run apt-get update && $run env DEBIAN_FRONTEND=noninteractive apt-get install -y \
    --no-install-recommends $missing; } >"$log" 2>&1; then
    tail -n 15 "$log" >&2
    echo "setup: apt-get could not install:$missing" >&2
    rm -f "$log"
    exit 3
fi
rm -f "$log"
