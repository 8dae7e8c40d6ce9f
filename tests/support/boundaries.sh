#!/bin/sh
# Fails when an include runs against the folders' dependency table (docs/architecture.md). For each folder: which
# project headers and which system headers its files may include, as extended regular expressions.
# usage: boundaries.sh SOURCE-ROOT
set -eu
cd "${1:?source root}"
bad=0

# rule FOLDER PROJECT-HEADERS FOREIGN-SYSTEM-HEADERS(those of libraries; the C library is always allowed)
rule() {
    for f in $(find "$1" -name '*.[ch]' | sort); do
        out=$(sed -nE 's/^[[:space:]]*#[[:space:]]*include[[:space:]]*([<"][^>"]*[>"]).*/\1/p' "$f" |
            while read -r inc; do
                case $inc in
                \"*) echo "$inc" | tr -d '"' | grep -qE "^($2)" || echo "$inc" ;;
                *) echo "$inc" | tr -d '<>' |
                    grep -E '^(openssl|rte_|pcap|rocksdb|zmq|lua|lauxlib|protobuf-c|cyaml|jansson|microhttpd|expat|sodium|cmocka)' |
                    grep -vE "^($3)" || true ;;
                esac
            done)
        if [ -n "$out" ]; then
            echo "$f includes what $1 may not use: $out" | tr '\n' ' '
            echo
            bad=1
        fi
    done
}
# Nothing agreed on may ask the machine for time, randomness or input.
pure() {
    for f in $(find "$@" -name '*.[ch]' | sort); do
        if grep -nE '#[[:space:]]*include[[:space:]]*<(time|sys/|unistd|fcntl|pthread|math|locale|signal)' "$f" ||
            grep -nE '\b(clock_gettime|gettimeofday|getrandom|rand|random|fopen|getenv)\(|\btime\((NULL|&|0)' "$f"; then
            echo "$f: not pure"
            bad=1
        fi
    done
}

none='^$'
rule base 'base/' "$none"
rule v2x 'base/|v2x/' 'openssl'
rule pktio 'base/|v2x/|pktio/' 'rte_|pcap'
rule ledger/light 'base/|ledger/light/' "$none"
rule ledger/consensus 'base/|ledger/(light|consensus)/' "$none"
rule ledger/exec 'base/|v2x/|ledger/(light|exec|identity)/' 'openssl'
rule ledger/identity 'base/|v2x/|ledger/(light|exec|identity)/' 'openssl'
rule ledger/policy 'base/|ledger/(exec|policy)/' 'lua|lauxlib'
rule ledger/store 'base/|ledger/store/' 'rocksdb'
rule ledger/net 'base/|ledger/net/' 'zmq'
rule ledger/node 'base/|v2x/|ledger/' 'protobuf-c'
rule mapsvc 'base/|mapsvc/|ledger/exec/(contract|hash)\.h' 'expat|jansson|protobuf-c'
rule fedlearn 'base/|fedlearn/|ledger/exec/(contract|hash)\.h' 'openssl|protobuf-c'
rule rsu 'base/|v2x/|pktio/|ledger/|mapsvc/|fedlearn/|rsu/' '.*'
pure ledger/light ledger/consensus

exit $bad
