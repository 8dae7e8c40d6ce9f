#!/bin/sh
# The boundary check itself must be able to fail: each forbidden direction is planted in a copy and must be found.
set -eu
root=${1:?source root}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
fails=0
mkdir "$tmp/t"
for d in base v2x pktio ledger mapsvc fedlearn rsu; do
    cp -r "$root/$d" "$tmp/t/"
done
planted() { # FILE TEXT: what does the check say of the tree with it?
    [ ! -f "$tmp/t/$1" ] || cp "$tmp/t/$1" "$tmp/was"
    printf '%s\n' "$2" >"$tmp/t/$1"
    code=0
    sh "$root/tests/support/boundaries.sh" "$tmp/t" >"$tmp/said" || code=1
    rm "$tmp/t/$1"
    [ ! -f "$tmp/was" ] || mv "$tmp/was" "$tmp/t/$1"
    return $code
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
# What validators agree on of a round.
plant fedlearn/round/judge.c 'static double x;'
plant fedlearn/round/judge_kernels.h 'static inline float half(int n);'
plant fedlearn/round/rounds_internal.h 'struct x { float y; };'
plant fedlearn/round/outcome.c '#include <time.h>'
plant fedlearn/round/outcome.c '#include <pthread.h>'
plant fedlearn/round/suspicion.c 'static void f(void) { ws_random_bytes(ws_random_system(), 0, 0); }'
plant fedlearn/round/find.c '#include <math.h>'
plant fedlearn/round/member.c 'static void f(void) { ws_random_bytes(ws_random_system(), 0, 0); }'
plant fedlearn/round/roots.c '#include "fedlearn/vehicle/train.h"'
plant fedlearn/round/judge.h '#include "fedlearn/vehicle/quantise.h"'
plant fedlearn/round/rounds_draw.c 'static void f(struct x *x) { x->n = fl_normalise(x->norm, x->value); }'
plant fedlearn/vehicle/scale.c 'static int f(int n) { return (int)(n * 0.5); }'
plant fedlearn/vehicle/share_field.c 'static void f(struct x *x) { x->at = ws_clock_ms(); }'
plant fedlearn/CMakeLists.txt 'ws_library(ws_fl SOURCES vehicle/mask.c)'
allowed fedlearn/round/find.c '#include <pthread.h>
#include <stdatomic.h>'
allowed fedlearn/vehicle/quantise.c 'static double x = 1.5;'
allowed mapsvc/fuse/spot.c '/* no double, no float,
 * no 1.5 */ static const char x[] = "double 1.5"; static const unsigned y = 0x1e5, z = 10U; static int a[1 ... 2];'
allowed mapsvc/model/ieee.c 'double x = 1.5;'
exit $fails
