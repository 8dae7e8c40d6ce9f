#!/bin/bash
# A unit that has lost its data comes back by a snapshot of its peers, goes on from there, votes, and agrees with the others.
# usage: join_snapshot.sh PROGRAMS-FOLDER [BASE-PORT]
set -u
bin=${1:?folder of programs}
base=${2:-8300}
http=$((base + 200))
repo=$(cd "$(dirname "$0")/../.." && pwd)
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
    echo "join_snapshot.sh: $1"
    tail -n 8 "$out"/rsu*.log
    exit 1
}
start() {
    "$bin/rsud" --config "$cell/rsu$1/rsud.yaml" >>"$out/rsu$1.log" 2>&1 &
    pid[$1]=$!
}
height() {
    "$bin/rsuctl" cell status --http "127.0.0.1:$((http + $1 - 1))" --json 2>/dev/null |
        sed -nE 's/^  "height": ([0-9]+),?$/\1/p' | head -n 1
}
block() { curl -s "http://127.0.0.1:$((http + $1 - 1))/v1/blocks/$2" | sed -nE 's/.*"id": ?"([0-9a-f]{64})".*/\1/p' | head -n 1; }
reach() { # UNIT HEIGHT SECONDS
    local deadline=$((SECONDS + $3))
    until [ "$(height "$1")" -ge "$2" ] 2>/dev/null; do
        [ $SECONDS -lt $deadline ] || fail "unit $1 is not at height $2 in time: $(height "$1")"
        sleep 0.3
    done
}
"$bin/rsuctl" cell init --out "$cell" --map "$repo/configs/demo/town.osm" --block-interval-ms 60 \
    --base-port "$base" --http-port "$http" >"$out/init.log" 2>&1 || { cat "$out/init.log"; fail 'cell init'; }
for i in 1 2 3 4; do
    echo 'disk: {snapshot_blocks: 40, snapshots: 3}' >>"$cell/rsu$i/rsud.yaml"
    start $i
done
reach 1 125 60
kill "${pid[4]}"
wait "${pid[4]}" || fail 'unit 4 stopped with an error'
data=$(sed -nE 's/^data: *//p' "$cell/rsu4/rsud.yaml")
rm -rf "${cell:?}/rsu4/${data:-data}"
sed -i 's/^disk:.*/disk: {snapshot_blocks: 40, snapshots: 3, join_s: 20}/' "$cell/rsu4/rsud.yaml"
: >"$out/rsu4.log"
start 4
h=$(height 1)
reach 4 $((h + 10)) 60
grep -q 'begun with the state after height' "$out/rsu4.log" || fail 'unit 4 did not begin with a snapshot'
[ "$(block 4 $((h + 5)))" = "$(block 1 $((h + 5)))" ] && [ -n "$(block 1 $((h + 5)))" ] || fail 'unit 4 has another block'
[ -z "$(block 4 5)" ] || fail 'unit 4 has blocks of before the snapshot'
# It is needed now: with another one gone, its vote makes the quorum.
kill "${pid[1]}"
wait "${pid[1]}" || fail 'unit 1 stopped with an error'
pid[1]=
h=$(height 4)
reach 4 $((h + 10)) 60
exit 0
