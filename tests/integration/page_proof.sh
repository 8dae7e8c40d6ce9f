#!/bin/bash
# What the page computes by itself, without a browser: hashes, signatures, the proof check, and what it says in words. usage: page_proof.sh BUILD-FOLDER
# 77: no Node here, and nobody asked for everything.
set -eu
build=${1:?build folder}
here=$(cd "$(dirname "$0")" && pwd)
if ! command -v node >/dev/null; then
    echo 'node (Debian: nodejs) is missing'
    [ -z "${WAYSIDE_DATA:-}" ] && exit 77
    exit 1
fi
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
mkdir "$out/page" "$out/chain"
cp "$here"/../../rsu/http/page/*.js "$out/page"
echo '{"type": "module"}' >"$out/page/package.json"
"$build/tests/support/make_light_proofs" "$out/chain"
node "$here/page/proof.mjs" "$out/page" "$out/chain"
node "$here/page/words.mjs" "$out/page"
