# shellcheck shell=bash disable=SC2034
# A cell of at most 8 units on this machine's loopback, for the scripts that source this: . units.sh PROGRAMS-FOLDER [BASE-PORT]
# Sets bin, base (free ports are found unless one is given), http (the port of unit 1; the others' follow), repo, town, out (a folder that goes with the script), cell (where
# the cell's folders are, once it was founded) and pid, by unit. At the end of the script all units are stopped.
bin=${1:?folder of programs}
. "$(dirname "${BASH_SOURCE[0]}")/free_ports.sh"
base=${2:-}
[ -n "$base" ] || free_ports base 16
http=$((base + 8))
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
town=$repo/configs/demo
out=$(mktemp -d)
cell=$out/cell
pid=()
stop() {
    for p in "${pid[@]}"; do kill "$p" 2>/dev/null; done
    wait 2>/dev/null
    rm -rf "$out"
}
trap stop EXIT
fail() {
    echo "$(basename "$0"): $1"
    tail -n 8 "$out"/rsu*.log
    [ ! -s "$out/said" ] || cat "$out/said"
    exit 1
}
ctl() { "$bin/rsuctl" "$@"; }
start() { # UNIT
    "$bin/rsud" --config "$cell/rsu$1/rsud.yaml" >>"$out/rsu$1.log" 2>&1 &
    pid[$1]=$!
}
end() { # UNIT: in order
    kill "${pid[$1]}"
    wait "${pid[$1]}" || fail "unit $1 stopped with an error"
    pid[$1]=
}
status() { ctl cell status --http "127.0.0.1:$((http + $1 - 1))" --json 2>/dev/null; } # UNIT
field() { sed -nE "s/^  \"$1\": ([0-9]+),?$/\1/p" | head -n 1; }                      # NAME, of a status
height() { status "$1" | field height; }                                               # UNIT
# UNIT HEIGHT: the id of the block that the unit has there
block() { curl -s "http://127.0.0.1:$((http + $1 - 1))/v1/blocks/$2" | sed -nE 's/.*"id": ?"([0-9a-f]{64})".*/\1/p' | head -n 1; }
at_least() { [ "$(height "$1")" -ge "$2" ] 2>/dev/null; } # UNIT HEIGHT
committee() { # UNIT COUNT: the unit sees so many validators
    [ "$(ctl cell validators --http "127.0.0.1:$((http + $1 - 1))" --json 2>/dev/null | grep -c '"address"')" -eq "$2" ]
}
addresses() { ctl cell validators --http "127.0.0.1:$http" --json | tr -d ' \n' | grep -oE '"address":"[0-9a-f]{64}"' | cut -d'"' -f4; }
# wait_for SECONDS WHAT COMMAND...: until it succeeds. The seconds are those of a machine that does nothing else; one that is slow,
# busy and has a slow disk gets PATIENCE times as many.
PATIENCE=8
wait_for() {
    local deadline=$((SECONDS + PATIENCE * $1)) what=$2
    shift 2
    until "$@"; do
        [ $SECONDS -lt $deadline ] || fail "not in time: $what"
        sleep 0.3
    done
}
# What rsuctl cell join printed into $out/join.log: address, keys of the validator and of its links.
joined_address() { sed -nE 's/^address: ([0-9a-f]{64})$/\1/p' "$out/join.log"; }
joined_key() { grep -oE -- "--$1-key [0-9a-f]{64}" "$out/join.log" | cut -d' ' -f2; } # validator or link
no_complaints() { ! grep -qiE 'contradict|AddressSanitizer|runtime error' "$out"/rsu*.log || fail 'a log tells of something bad'; }
