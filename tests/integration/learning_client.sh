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
cmake --install "$build" --component light --prefix "$out/usr" >/dev/null
pc=$(dirname "$(find "$out/usr" -name wayside-fl.pc)")
export PKG_CONFIG_PATH="$pc"
flags=$(pkg-config --cflags wayside-fl wayside-light-crypto)
libs=$(pkg-config --libs wayside-fl wayside-light-crypto)
lib=$(dirname "$pc")
sanitize=$(grep -E '^WS_SANITIZE:' "$build/CMakeCache.txt" | cut -d= -f2)
[ -z "$sanitize" ] || sanitize=-fsanitize=$sanitize
flags="$flags $sanitize"

warn='-Wall -Wextra -Werror -D_GNU_SOURCE'
"$cc" -std=c11 $warn $flags -o "$out/shared" "$here/learning_outside.c" $libs
"$cc" -std=c17 $warn $flags -o "$out/static" "$here/learning_outside.c" "$(pkg-config --variable=libdir wayside-fl)/libwayside-fl.a" \
    "$lib/libwayside-light-crypto.a" "$lib/libwayside-light.a" $(pkg-config --libs libsodium libcrypto) -lm -Wl,--gc-sections
# Nothing at all from the machine it runs on; what the linker says of getaddrinfo is of no program that does not look names up.
[ -n "$sanitize" ] || "$cc" -std=c17 $warn $flags -static -o "$out/all" "$here/learning_outside.c" \
    $(pkg-config --static --libs wayside-fl wayside-light-crypto) 2>"$out/linked" || { cat "$out/linked"; exit 1; }

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
# away PROGRAM HOW: a vehicle that is not free, or cannot know, sends nothing.
away() {
    mkdir "$out/$2"
    "$build/tests/learning_unit" "$out/$2" "$2"
    code=0
    "$1" "$out/$2" >"$out/said" || code=$?
    [ $code = 4 ] && [ ! -e "$out/$2/submit" ] || { cat "$out/said"; echo "$2: it comes all the same"; exit 1; }
}
export LD_LIBRARY_PATH="$lib"
drive "$out/1" "$out/shared"
drive "$out/2" "$out/static"
[ -n "$sanitize" ] || LD_LIBRARY_PATH='' drive "$out/all.d" "$out/all"
away "$out/shared" quarantined
away "$out/static" old

# Small targets: the sources in one line, for size and without what only large processors have.
small() { # COMPILER FLAGS...
    compiler=$1
    shift
    (cd "$root" && "$compiler" -Os -std=gnu17 -D_GNU_SOURCE -I. -idirafter fedlearn/vehicle -idirafter ledger/light \
        -idirafter ledger/light_crypto -ffunction-sections -fdata-sections "$@" \
        "$here/learning_outside.c" fedlearn/vehicle/*.c base/{assert,bytes,clock,error,mem,random}.c ledger/exec/hash.c \
        ledger/light/*.c ledger/light_crypto/*.c v2x/sha_batch.c -Wl,--gc-sections -lsodium -lcrypto -lm)
}
small "$cc" $sanitize -march=x86-64 -o "$out/small"
drive "$out/3" "$out/small"
size "$out/small"
if [ -n "${WS_CROSS_CC:-}" ]; then
    small "$WS_CROSS_CC" ${WS_CROSS_FLAGS:-} -o "$out/cross"
    drive "$out/4" ${WS_CROSS_RUN:-} "$out/cross"
fi
