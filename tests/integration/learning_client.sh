#!/bin/bash
# libwayside-fl as the maker of an OBU uses it: installed somewhere, found by pkg-config, linked shared and static by a program that
# knows nothing else of this project, which learns and takes part in a round; what it sent is what the round finds. With a cross
# compiler and an emulator in the environment the same is built for and run as another machine.
# usage: learning_client.sh BUILD-FOLDER COMPILER
# WS_CROSS_CC, WS_CROSS_FLAGS (where headers and libraries of the target are), WS_CROSS_RUN (e.g. "qemu-aarch64-static -L ROOT")
set -eu
build=${1:?build folder}
cc=${2:?compiler}
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../..
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
cmake --install "$build" --component fl --prefix "$out/usr" >/dev/null
pc=$(dirname "$(find "$out/usr" -name wayside-fl.pc)")
export PKG_CONFIG_PATH="$pc"
flags=$(pkg-config --cflags wayside-fl)
libs=$(pkg-config --libs wayside-fl)
lib=$(dirname "$pc")
sanitize=$(grep -E '^WS_SANITIZE:' "$build/CMakeCache.txt" | cut -d= -f2)
[ -z "$sanitize" ] || flags="$flags -fsanitize=$sanitize"

warn='-Wall -Wextra -Werror -D_GNU_SOURCE'
"$cc" -std=c11 $warn $flags -o "$out/shared" "$here/learning_outside.c" $libs
"$cc" -std=c17 $warn $flags -o "$out/static" "$here/learning_outside.c" "$lib/libwayside-fl.a" \
    $(pkg-config --libs libsodium libcrypto) -lm -Wl,--gc-sections

# Only names of its headers can be seen, in both, and nothing else is needed.
own=' (fl|buf|rd|hex|its|ws_clock|ws_random)_'
for names in "$(nm -D --defined-only "$lib/libwayside-fl.so")" "$(nm --defined-only --extern-only "$lib/libwayside-fl.a")"; do
    if echo "$names" | grep -E '^[0-9a-f]+ ' | grep -vE "$own| WAYSIDE_FL_1$" | grep -vE '__?(asan|odr|ubsan|bss|edata|end|fini|init)'; then
        echo 'foreign names'
        exit 1
    fi
done
if [ -z "$sanitize" ] && readelf -d "$lib/libwayside-fl.so" | grep NEEDED | grep -vE '\[(libc|libm|libcrypto|libsodium)\.so'; then
    echo 'more than libc, libm, libcrypto and libsodium is needed'
    exit 1
fi
readelf -d "$lib/libwayside-fl.so" | grep -q 'SONAME.*libwayside-fl\.so\.1' || { echo 'no soname'; exit 1; }

# drive FOLDER COMMAND...: a round of one unit and one vehicle.
drive() {
    folder=$1
    shift
    mkdir "$folder"
    "$build/tests/learning_unit" "$folder" &
    unit=$!
    for _ in $(seq 200); do
        [ -s "$folder/port" ] && break
        sleep 0.05
    done
    "$@" "$folder" || { kill "$unit"; exit 1; }
    wait "$unit" || { echo 'the unit did not find what was sent'; exit 1; }
}
export LD_LIBRARY_PATH="$lib"
drive "$out/1" "$out/shared"
drive "$out/2" "$out/static"

# Small targets: the sources of the package, for size and without what only large processors have.
sources=$(sed -n '/^set(fl_vehicle/,/)$/p' "$root/fedlearn/CMakeLists.txt" | grep -oE 'vehicle/[a-z0-9_]+\.c' | sed "s|^|$root/fedlearn/|")
for f in base/assert base/bytes base/clock base/error base/mem base/random ledger/exec/hash ledger/light/merkle v2x/sha_batch; do
    sources="$sources $root/$f.c"
done
headers=$(dirname "$(find "$out/usr" -name wayside_fl.h)")
small() { # COMPILER FLAGS...
    compiler=$1
    shift
    "$compiler" -std=gnu17 -Os -D_GNU_SOURCE -I"$root" -I"$headers" "$@" -ffunction-sections -fdata-sections \
        "$here/learning_outside.c" $sources -Wl,--gc-sections -lsodium -lcrypto -lm
}
small "$cc" $flags -march=x86-64 -o "$out/small"
drive "$out/3" "$out/small"
size "$out/small"
if [ -n "${WS_CROSS_CC:-}" ]; then
    small "$WS_CROSS_CC" ${WS_CROSS_FLAGS:-} -o "$out/cross"
    drive "$out/4" ${WS_CROSS_RUN:-} "$out/cross"
fi
