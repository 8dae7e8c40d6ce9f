#!/bin/bash
# libwayside-light as a map provider uses it: installed somewhere, found by pkg-config, linked shared and static by a program
# that knows nothing else of this project; proofs of a replayed drive hold, altered ones do not, and trust gets over committees
# that share nobody. usage: light.sh BUILD-FOLDER COMPILER
set -eu
build=${1:?build folder}
cc=${2:?compiler}
here=$(cd "$(dirname "$0")" && pwd)
town=$here/../../configs/demo
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
cmake --install "$build" --component light --prefix "$out/usr" >/dev/null
pc=$(dirname "$(find "$out/usr" -name wayside-light.pc)")
export PKG_CONFIG_PATH="$pc"
flags=$(pkg-config --cflags wayside-light-crypto)
libs=$(pkg-config --libs wayside-light-crypto)
lib=$(dirname "$pc")
sanitize=$(grep -E '^WS_SANITIZE:' "$build/CMakeCache.txt" | cut -d= -f2)
[ -z "$sanitize" ] || flags="$flags -fsanitize=$sanitize"

"$cc" -std=c99 -Wall -Wextra -pedantic -Werror $flags -o "$out/shared" "$here/light_outside.c" $libs
"$cc" -std=c11 -Wall -Wextra -Werror $flags -o "$out/static" "$here/light_outside.c" \
    "$lib/libwayside-light-crypto.a" "$lib/libwayside-light.a" $(pkg-config --libs libcrypto)
# Only its own names can be seen, and the core needs nothing but libc.
if nm -D --defined-only "$lib/libwayside-light.so" | grep -v ' wsl_' | grep -vE '__?(asan|odr|ubsan|bss|edata|end|fini|init)'; then
    echo 'foreign names'
    exit 1
fi
if [ -z "$sanitize" ] && readelf -d "$lib/libwayside-light.so" | grep NEEDED | grep -v 'libc\.so'; then
    echo 'more than libc is needed'
    exit 1
fi
readelf -d "$lib/libwayside-light.so" | grep -q 'SONAME.*libwayside-light\.so\.1' || { echo 'no soname'; exit 1; }

export LD_LIBRARY_PATH="$lib"
mkdir "$out/chain"
"$build/tests/support/make_light_proofs" "$out/chain"
"$build/rsu/obusim" --map "$town/town.osm" --world "$town/town-world.osm" --vehicles 20 --duration 420 --change-at 60 --seed 7 \
    --pki "$out/trust" --out "$out/drive.pcap" >/dev/null
"$build/rsu/rsuctl" replay "$out/drive.pcap" --map "$town/town.osm" --trust "$out/trust" --out "$out/replay" >/dev/null 2>&1
for program in shared static; do
    "$out/$program" chain "$out/chain"
    "$out/$program" map "$out/replay/genesis.bin" "$out"/replay/proofs/*.proof
done
