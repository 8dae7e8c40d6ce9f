#!/bin/sh
# obusim from outside: the same seed gives the same octets, a dissector finds nothing wrong with the frames, bad
# input ends with the promised exit code and leaves no file. usage: obusim.sh OBUSIM SOURCE-FOLDER
set -eu
obusim=$1
town=$2/configs/demo
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
    echo "obusim.sh: $*" >&2
    exit 1
}

run() { # NAME OPTIONS...
    name=$1
    shift
    "$obusim" --map "$town/town.osm" --world "$town/town-world.osm" --vehicles 6 --duration 40 \
        --out "$work/$name.pcap" "$@" >"$work/$name.txt" 2>"$work/$name.err" || fail "$name: exit $?"
    [ ! -s "$work/$name.err" ] || fail "$name: said $(head -n 1 "$work/$name.err")"
}

refuse() { # EXIT WORD OPTIONS...
    want=$1
    word=$2
    shift 2
    got=0
    "$obusim" "$@" >"$work/out" 2>"$work/err" || got=$?
    [ "$got" -eq "$want" ] || fail "$*: exit $got, not $want"
    grep -qF -- "$word" "$work/err" || fail "$*: does not say \"$word\": $(cat "$work/err")"
    [ ! -s "$work/out" ] || fail "$*: wrote to standard output"
}

run first --seed 11
run again --seed 11
run other --seed 12
cmp -s "$work/first.pcap" "$work/again.pcap" || fail "the same seed gave other octets"
for f in root aa-1 aa-2 aa-3; do
    cmp -s "$work/first.trust/$f.cert" "$work/again.trust/$f.cert" || fail "the same seed gave another $f.cert"
done
if cmp -s "$work/first.pcap" "$work/other.pcap"; then fail "another seed gave the same octets"; fi
run tickets --seed 11 --ticket 15
run tickets2 --seed 11 --ticket 15
cmp -s "$work/tickets.pcap" "$work/tickets2.pcap" || fail "the same seed gave other octets with --ticket"
[ "$(ls "$work" | grep -c 'pcap')" -eq 5 ] || fail "temporary files are left: $(ls "$work")"
grep -q 'changes on the road: 3 that' "$work/first.txt" || fail "summary: $(cat "$work/first.txt")"

# The other map language is the same town.
"$obusim" --map "$town/town.xodr" --vehicles 3 --duration 10 --out "$work/x.pcap" --pki "$work/keys" >/dev/null ||
    fail "OpenDRIVE: exit $?"
[ -s "$work/keys/root.cert" ] || fail "--pki is not where the certificates are"

"$obusim" --help >"$work/help" || fail "--help: exit $?"
"$obusim" --version | grep -q '^obusim [0-9]' || fail '--version'
grep -q -- '--change-at' "$work/help" || fail "--help does not name the options"

refuse 2 "--map is missing" --out "$work/n.pcap"
refuse 2 "--tpr 2" --map "$town/town.osm" --out "$work/n.pcap" --tpr 2
refuse 2 "--ticket 0" --map "$town/town.osm" --out "$work/n.pcap" --ticket 0
refuse 2 "--frobnicate" --map "$town/town.osm" --out "$work/n.pcap" --frobnicate
refuse 3 "$work/none.osm" --map "$work/none.osm" --out "$work/n.pcap"
refuse 3 "README.md" --map "$town/README.md" --out "$work/n.pcap"
refuse 3 "town.osm" --map "$town/town.osm" --fcd "$town/town.osm" --out "$work/n.pcap"
refuse 3 "$work/no" --map "$town/town.osm" --out "$work/no/such/n.pcap" --pki "$work/keys"
[ ! -e "$work/n.pcap" ] || fail "a refused run left a capture"

if command -v tshark >/dev/null 2>&1; then
    frames=$(tshark -r "$work/first.pcap" -o udp.check_checksum:TRUE -T fields -e frame.number 2>/dev/null | wc -l)
    [ "$frames" -gt 100 ] || fail "the dissector reads $frames frames"
    bad=$(tshark -r "$work/first.pcap" -o udp.check_checksum:TRUE \
        -Y '_ws.malformed || _ws.expert.severity >= 6291456 || udp.checksum.status == 0' 2>/dev/null | head -n 3)
    [ -z "$bad" ] || fail "the dissector complains: $bad"
    # A station's address follows from its ticket: six vehicles have six, and more when they change them.
    stations() { tshark -r "$work/$1.pcap" -T fields -e eth.src 2>/dev/null | sort -u | wc -l; }
    [ "$(stations first)" -le 6 ] || fail "$(stations first) addresses of six vehicles"
    [ "$(stations tickets)" -gt 8 ] || fail "$(stations tickets) addresses of six vehicles that change their tickets"
    for filter in 'its.messageID == 2' 'eth.type == 0x8947 && !its' wsmp udp; do
        tshark -r "$work/first.pcap" -Y "$filter" -c 400 2>/dev/null | grep -q . || fail "no frame is $filter"
    done
else
    echo "obusim.sh: no tshark; frames were not dissected"
fi
echo "obusim.sh: ok"
