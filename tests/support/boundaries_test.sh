#!/bin/sh
# The boundary check itself must be able to fail: each forbidden direction is planted in a copy and must be found.
set -eu
root=${1:?source root}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
fails=0
plant() { # FILE INCLUDE-LINE
    rm -rf "$tmp/t"
    mkdir "$tmp/t"
    for d in base v2x pktio ledger mapsvc fedlearn rsu; do
        mkdir -p "$tmp/t/$d"
        [ ! -d "$root/$d" ] || cp -r "$root/$d" "$tmp/t/"
    done
    mkdir -p "$(dirname "$tmp/t/$1")"
    printf '%s\n' "$2" >"$tmp/t/$1"
    if sh "$root/tests/support/boundaries.sh" "$tmp/t" >/dev/null; then
        echo "not found: $1: $2"
        fails=1
    fi
}
plant base/x.c '#include "v2x/cert.h"'
plant v2x/x.c '#include "pktio/pipeline.h"'
plant pktio/x.c '#include "ledger/node/node.h"'
plant ledger/node/x.c '#include "pktio/worker.h"'
plant ledger/node/y.c '#include "rsu/cell.h"'
plant ledger/consensus/x.c '#include "ledger/store/store.h"'
plant ledger/consensus/y.c '#include <time.h>'
plant ledger/light/x.c '#include <openssl/evp.h>'
plant mapsvc/x.c '#include "ledger/exec/executor.h"'
plant mapsvc/y.c '#include "v2x/psid.h"'
plant rsu/x.c '#include "tests/support/cm.h"'
plant ledger/exec/x.c '#include <rocksdb/c.h>'
exit $fails
