#!/bin/sh
# Fails when an include runs against the folders' dependency table (docs/architecture.md). For each folder: which
# project headers and which system headers its files may include, as extended regular expressions.
# usage: boundaries.sh SOURCE-ROOT
set -eu
cd "${1:?source root}"
bad=0

# rule FOLDER PROJECT-HEADERS FOREIGN-SYSTEM-HEADERS(those of libraries; the C library is always allowed)
rule() {
    found=$(grep -rE --include='*.[ch]' '^[[:space:]]*#[[:space:]]*include' "$1" | sort | awk -v folder="$1" \
        -v own="^($2)" -v foreign="^($3)" \
        -v libraries='^(openssl|rte_|pcap|rocksdb|zmq|lua|lauxlib|protobuf-c|cyaml|jansson|microhttpd|expat|sodium|cmocka|zlib)' '
        match($0, /["<][^">]*[">]/) {
            kind = substr($0, RSTART, 1)
            name = substr($0, RSTART + 1, RLENGTH - 2)
            split($0, at, ":")
            if ((kind == "\"" && name !~ own) || (kind == "<" && name ~ libraries && name !~ foreign))
                print at[1] ": " folder " may not include " name
        }')
    if [ -n "$found" ]; then
        echo "$found"
        bad=1
    fi
}
# Nothing agreed on may ask the machine for time, randomness or input.
pure() {
    if grep -rnE --include='*.[ch]' '#[[:space:]]*include[[:space:]]*<(time|sys/|unistd|fcntl|pthread|math|locale|signal)' "$@" ||
        grep -rnE --include='*.[ch]' '\b(clock_gettime|gettimeofday|getrandom|rand|random|fopen|getenv)\(|\btime\((NULL|&|0)' "$@"; then
        echo 'not pure'
        bad=1
    fi
}
# What validators agree on in the map: no floating point, and nothing that has some inside. Comments may speak of it.
integers() {
    [ -n "$*" ] || {
        echo 'mapsvc/CMakeLists.txt: no sources of ws_mapfuse found'
        bad=1
        return
    }
    found=$(awk '
        FNR == 1 { comment = 0 }
        {
            line = ""
            rest = $0
            while (rest != "") {
                if (comment) {
                    at = index(rest, "*/")
                    if (at == 0)
                        break
                    rest = substr(rest, at + 2)
                    comment = 0
                    continue
                }
                at = index(rest, "/*")
                line = line (at == 0 ? rest : substr(rest, 1, at - 1))
                rest = at == 0 ? "" : substr(rest, at + 2)
                comment = at != 0
            }
            include = line ~ /#[ \t]*include/
            gsub(/"([^"\\]|\\.)*"/, include ? "&" : "text", line)
            if (line ~ /(^|[^A-Za-z0-9_])(float|double|_Float[0-9]+|_Complex)([^A-Za-z0-9_]|$)/ ||
                line ~ /(^|[^A-Za-z0-9_.])[0-9]+\.[0-9]*/ || line ~ /(^|[^A-Za-z0-9_.])[0-9]+[eE][-+]?[0-9]/)
                print FILENAME ":" FNR ": floating point"
            else if (line ~ /(^|[^A-Za-z0-9_])(frame_at|map_import|map_compare|map_keep_identities|text_to_double|ieee_[a-z0-9_]*)[ \t]*\(/)
                print FILENAME ":" FNR ": floating point inside"
            else if (include && line ~ /"mapsvc\// &&
                line !~ /"mapsvc\/(model\/(element|mapset|frame|text|ints)|fuse\/(contract_internal|[a-z]*\.pb-c))\.h"/) {
                name = line
                sub(/.*"mapsvc\//, "mapsvc/", name)
                sub(/\.h".*/, "", name)
                if (index(own, " " name ".c ") == 0 && index(own, " " name ".h ") == 0)
                    print FILENAME ":" FNR ": " name ".h is of no source of ws_mapfuse"
            }
        }' own=" $* " "$@")
    if [ -n "$found" ]; then
        echo "$found"
        bad=1
    fi
}

none='^$'
rule base 'base/' "$none"
rule v2x 'base/|v2x/' 'openssl'
rule pktio 'base/|v2x/|pktio/' 'rte_|pcap|zlib'
rule ledger/light 'base/|ledger/light/' "$none"
rule ledger/light_crypto 'ledger/light/wayside_light\.h|ledger/light_crypto/' 'openssl'
rule ledger/consensus 'base/|ledger/(light|consensus)/' "$none"
rule ledger/beacon 'base/|ledger/(light|exec|beacon)/' 'sodium'
rule ledger/exec 'base/|v2x/|ledger/(light|exec|identity|committee)/' 'openssl'
rule ledger/identity 'base/|v2x/|ledger/(light|exec|identity)/' 'openssl'
rule ledger/committee 'base/|ledger/(light|exec|committee)/|ledger/consensus/proposer\.h' "$none"
rule ledger/policy 'base/|ledger/(exec|policy)/' 'lua|lauxlib'
rule ledger/store 'base/|ledger/store/' 'rocksdb'
rule ledger/snapshot 'base/|ledger/(light|exec|store|snapshot)/' "$none"
rule ledger/net 'base/|ledger/net/' 'zmq'
rule ledger/node 'base/|v2x/|ledger/' 'protobuf-c'
rule mapsvc 'base/|mapsvc/|ledger/exec/(contract|hash)\.h' 'expat|jansson|protobuf-c'
[ ! -d fedlearn ] || rule fedlearn 'base/|fedlearn/|ledger/exec/(contract|hash)\.h' 'openssl|sodium|protobuf-c'
rule rsu 'base/|v2x/|pktio/|ledger/|mapsvc/|fedlearn/|rsu/' '.*'
pure ledger/light ledger/consensus ledger/beacon
fuse=
for c in $(sed -n '/^ws_library(ws_mapfuse /,/)/p' mapsvc/CMakeLists.txt | tr -s ' ()' '\n' | grep '\.c$'); do
    fuse="$fuse mapsvc/$c"
    [ ! -f "mapsvc/${c%.c}.h" ] || fuse="$fuse mapsvc/${c%.c}.h"
done
# Of the model they share with the importers, what they need.
[ -z "$fuse" ] || fuse="$fuse mapsvc/fuse/contract_internal.h mapsvc/model/ints.h mapsvc/model/element.c mapsvc/model/element_code.c mapsvc/model/element.h mapsvc/model/mapset.c"
# shellcheck disable=SC2086
pure $fuse
# shellcheck disable=SC2086
integers $fuse

exit $bad
