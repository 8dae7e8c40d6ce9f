#!/bin/sh
# The boundary check itself must be able to fail: each forbidden direction is planted in a copy and must be found.
set -eu
root=${1:?source root}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
fails=0
planted() { # FILE TEXT: in a copy of the tree, what does the check say?
    rm -rf "$tmp/t"
    mkdir "$tmp/t"
    for d in base v2x pktio ledger mapsvc fedlearn rsu; do
        mkdir -p "$tmp/t/$d"
        [ ! -d "$root/$d" ] || cp -r "$root/$d" "$tmp/t/"
    done
    mkdir -p "$(dirname "$tmp/t/$1")"
    printf '%s\n' "$2" >"$tmp/t/$1"
    sh "$root/tests/support/boundaries.sh" "$tmp/t" >"$tmp/said"
}
plant() { # FILE TEXT: forbidden
    if planted "$1" "$2" || ! grep -q "$1" "$tmp/said"; then
        echo "not found: $1: $2"
        fails=1
    fi
}
allowed() { # FILE TEXT
    planted "$1" "$2" || {
        cat "$tmp/said"
        fails=1
    }
}
plant base/x.c '#include "v2x/cert.h"'
plant v2x/x.c '#include "pktio/pipeline.h"'
plant pktio/x.c '#include "ledger/node/node.h"'
plant ledger/node/x.c '#include "pktio/worker.h"'
plant ledger/node/y.c '#include "rsu/cell/cell.h"'
plant ledger/consensus/x.c '#include "ledger/store/store.h"'
plant ledger/consensus/y.c '#include <time.h>'
plant ledger/light/x.c '#include <openssl/evp.h>'
plant mapsvc/x.c '#include "ledger/exec/executor.h"'
plant mapsvc/y.c '#include "v2x/psid.h"'
plant rsu/x.c '#include "tests/support/cm.h"'
plant ledger/exec/x.c '#include <rocksdb/c.h>'
# What validators agree on in the map.
plant mapsvc/fuse/spot.c 'static double x;'
plant mapsvc/fuse/spot.c '/* */ static int f(int n) { return (int)(n * 1.5); }'
plant mapsvc/fuse/spot.h 'float half(int n);'
plant mapsvc/fuse/contract_internal.h 'struct x { _Float64 y; };'
plant mapsvc/fuse/fusion.c 'static int f(void) { return (int)1e3; }'
plant mapsvc/fuse/fusion.c '#include <math.h>'
plant mapsvc/fuse/fusion.c '#include <time.h>'
plant mapsvc/fuse/stance.c '#include "mapsvc/model/ieee.h"'
plant mapsvc/fuse/stance.c 'static void f(struct cell_frame *g) { *g = frame_at(0, 0); }'
plant mapsvc/model/element.c 'static bool f(const char *s, struct x *v) { return text_to_double(s, &v->d); }'
plant mapsvc/CMakeLists.txt 'ws_library(ws_mapmodel SOURCES element.c)'
allowed mapsvc/fuse/spot.c '/* no double, no float,
 * no 1.5 */ static const char x[] = "double 1.5"; static const unsigned y = 0x1e5, z = 10U; static int a[1 ... 2];'
allowed mapsvc/model/ieee.c 'double x = 1.5;'
exit $fails
