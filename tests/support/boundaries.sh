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
# Nothing agreed on may ask the machine for time, randomness or input. An exception is a line of a file: FILE:LINE:TEXT as grep says it.
excepted='^$'
pure() {
    if grep -rHnE --include='*.[ch]' '#[[:space:]]*include[[:space:]]*<(time|sys/|unistd|fcntl|pthread|stdatomic|threads|math|fenv|locale|signal)' "$@" |
        grep -vE "$excepted" ||
        grep -rHnE --include='*.[ch]' '\b(clock_gettime|gettimeofday|getrandom|rand|random|fopen|getenv)\(|\btime\((NULL|&|0)' "$@" ||
        grep -rHnE --include='*.[ch]' '\b(ws_clock_|ws_random_|file_)[a-z_]+\(' "$@" | grep -vE "$excepted"; then
        echo 'not pure'
        bad=1
    fi
}
# What validators agree on: no floating point, and nothing that has some inside. Comments may speak of it.
# integers SOURCES-OF FOLDER MORE-HEADERS FLOATING-FUNCTIONS FILES...: of FOLDER they include what is among the files, and MORE-HEADERS.
integers() {
    of=$1 folder=$2 more=$3 floating=$4
    shift 4
    [ -n "$*" ] || {
        echo "$folder/CMakeLists.txt: no sources of $of found"
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
            else if (line ~ "(^|[^A-Za-z0-9_])(" floating ")[ \t]*\\(")
                print FILENAME ":" FNR ": floating point inside"
            else if (include && index(line, "\"" folder "/") != 0 && line !~ "\"" folder "/(" more ")\\.h\"") {
                name = line
                sub(".*\"" folder "/", folder "/", name)
                sub(/\.h".*/, "", name)
                if (index(own, " " name ".c ") == 0 && index(own, " " name ".h ") == 0)
                    print FILENAME ":" FNR ": " name ".h is of no source of " of
            }
        }' own=" $* " of="$of" folder="$folder" more="$more" floating="$floating" "$@")
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
# sources TARGET FOLDER: of a library, with their headers.
sources() {
    for c in $(sed -n "/^ws_library($1 /,/)/p" "$2/CMakeLists.txt" | tr -s ' ()' '\n' | grep '\.c$'); do
        echo "$2/$c"
        [ ! -f "$2/${c%.c}.h" ] || echo "$2/${c%.c}.h"
    done
}
fuse=$(sources ws_mapfuse mapsvc)
# Of the model they share with the importers, what they need.
[ -z "$fuse" ] || fuse="$fuse mapsvc/fuse/contract_internal.h mapsvc/model/ints.h mapsvc/model/element.c mapsvc/model/element_code.c mapsvc/model/element.h mapsvc/model/mapset.c"
# shellcheck disable=SC2086
pure $fuse
# shellcheck disable=SC2086
integers ws_mapfuse mapsvc 'model/(element|mapset|frame|text|ints)|fuse/(contract_internal|[a-z]*\.pb-c)' \
    'frame_at|map_import|map_compare|map_keep_identities|text_to_double|ieee_[a-z0-9_]*' $fuse

# A round: contract, judging, what a unit does for it, and of what vehicles carry what these need. find.c has threads, on whose order nothing
# depends; a reader of dh.c is counted by threads; a unit's or a vehicle's own secrets come from the generator handed in, nothing agreed on
# does. model.h knows from features.h what an input is.
if [ -d fedlearn/round ]; then
    round=$(sources ws_flround fedlearn)
    [ -z "$round" ] || {
        round="$round fedlearn/round/rounds_internal.h"
        for f in bundle bundle_complaint bundle_cover bundle_tree dh mask mask_open mask_stream mask_sum material model open profile ring ring_avx2 \
            ring_avx512 ring_path ring_portable rules scale shape share share_domain share_field share_rs share_sum standing submit; do
            for f in fedlearn/vehicle/$f.c fedlearn/vehicle/$f.h; do
                [ ! -f $f ] || round="$round $f"
            done
        done
    }
    excepted='^fedlearn/(round/find\.c:[0-9]+:#include <(pthread|stdatomic)\.h>|vehicle/dh\.c:[0-9]+:#include <stdatomic\.h>'
    excepted="$excepted"'|round/member\.c:[0-9]+:.*ws_random_bytes\(m->io\.random,|vehicle/(bundle|dh|share)\.c:[0-9]+:.*ws_random_bytes\(random,)'
    # shellcheck disable=SC2086
    pure $round
    # shellcheck disable=SC2086
    integers ws_flround fedlearn vehicle/features \
        'fl_(update|quantise|train_[a-z]+|model_start|window_statistics|normalise[a-z_]*|norm_of|number|privacy_[a-z]+|noise_[a-z]+|client_[a-z]+)' $round
fi

exit $bad
