#!/bin/bash
# The door for uploads of a running unit: an ASK for something that is not on the ledger is refused by name with a shorter answer, on
# IPv6 and IPv4; what is no ASK gets none; both are counted; and the configuration is checked. Cell of one.
# usage: uploads.sh PROGRAMS-FOLDER
set -u
. "$(dirname "$0")/free_ports.sh"
free_ports ports 8
. "$(dirname "$0")/units.sh" "${1:-}" "$ports"
http=$((ports + 4))
door=$((ports + 6))

ctl cell init --out "$cell" --map "$town/town.osm" --validators 1 --base-port "$ports" --http-port "$http" --block-interval-ms 200 \
    >"$out/init.log" 2>&1 || { cat "$out/init.log"; fail 'cell init'; }
yaml=$cell/rsu1/rsud.yaml
cp "$yaml" "$out/plain.yaml"
echo 'learning: {upload: "nowhere"}' >>"$yaml"
"$bin/rsud" --config "$yaml" --check >"$out/said" 2>&1 && fail '--check takes an address that is none'
grep -q 'learning.upload.*ADDRESS:PORT' "$out/said" || fail 'the reason is not named'
cp "$out/plain.yaml" "$yaml"
echo "learning: {upload: \"[::]:$door\", uploads: 4, store_mb: 64}" >>"$yaml"
"$bin/rsud" --config "$yaml" --check >"$out/said" 2>&1 || fail '--check refuses the door'
start 1
wait_for 60 'the unit makes blocks' at_least 1 2

# Version 01, kind 01, a name of 32 octets, nonce 0102030405060708, length 5, zeros up to 256 octets.
ask() {
    printf '\1\1'
    head -c 32 /dev/zero | tr '\0' 'n'
    printf '\1\2\3\4\5\6\7\10\0\0\0\5'
    head -c 210 /dev/zero
}
answer() { # HOST FILE: what comes back for the octets of the file, in hex
    exec 8<>"/dev/udp/$1/$door" || return 1
    cat "$2" >&8
    timeout 3 dd bs=2048 count=1 status=none <&8 | od -An -v -tx1 | tr -d ' \n'
    exec 8>&-
}
ask >"$out/ask"
[ "$(stat -c %s "$out/ask")" = 256 ] || fail 'the ASK has not 256 octets'
# REFUSAL: kind 03, the name, the nonce, reason 01 (unknown_submission), 500 ms to wait.
want=0103$(printf '6e%.0s' $(seq 32))010203040506070801000001f4
for host in 127.0.0.1 ::1; do
    [ "$host" = 127.0.0.1 ] || grep -q . /proc/net/if_inet6 2>/dev/null || continue
    got=$(answer "$host" "$out/ask")
    [ "$got" = "$want" ] || fail "on $host the answer is '$got'"
done
head -c 255 "$out/ask" >"$out/short"
head -c 1300 /dev/urandom >"$out/noise"
for file in short noise; do
    [ -z "$(answer 127.0.0.1 "$out/$file")" ] || fail "$file is answered"
done
[ -z "$(find "$cell/rsu1/data/materials" -type f -size +0 2>/dev/null)" ] || fail 'something was kept'
[ -z "$(find "$cell/rsu1/data/materials" -perm /077 -type d 2>/dev/null)" ] || fail 'others may read what is kept'
curl -s "http://127.0.0.1:$http/metrics" >"$out/metrics"
grep -q "^wayside_upload_refusals_total{reason=\"unknown_submission\"} [1-9]" "$out/metrics" || fail "the refusal is not counted"
grep -q "^wayside_upload_datagrams_total{outcome=\"too_long\"} 1$" "$out/metrics" || fail "noise is not counted"
end 1
no_complaints
echo 'uploads: refused by name, on both families; noise is not answered'
