#!/bin/bash
# Four rsud in network namespaces on a wire that delays, loses and cuts, under a drive and orders of the authority, while
# members, whoever proposes among them, are killed hard. What clients saw is judged: linearisable, exactly once.
# usage: live_cell.sh PROGRAMS-FOLDER TOOLS-FOLDER
# WAYSIDE_LIVE_SECONDS: how long (45); WAYSIDE_LIVE_SEED: of the faults (1). Needs root; exit 77 where that is not so.
set -u
bin=${1:?folder of programs}
tools=${2:?folder of live_client and live_wire}
seconds=${WAYSIDE_LIVE_SECONDS:-45}
seed=${WAYSIDE_LIVE_SEED:-1}
repo=$(cd "$(dirname "$0")/../.." && pwd)
town=$repo/configs/demo
[ "$(id -u)" = 0 ] && ip netns list >/dev/null 2>&1 && [ -w /dev/net/tun ] ||
    { echo 'live_cell.sh: needs root, network namespaces and /dev/net/tun'; exit 77; }
out=$(mktemp -d)
tag=wl$$
pid=()
spaces=()
stop() {
    for p in "${pid[@]}" "${client:-}" "${wire:-}"; do [ -n "$p" ] && kill "$p" 2>/dev/null; done
    wait 2>/dev/null
    for ns in "${spaces[@]}"; do ip netns del "$ns" 2>/dev/null; done
    rm -rf "$out"
}
trap stop EXIT
fail() {
    echo "live_cell.sh: $1 (seed $seed)"
    tail -n 5 "$out"/rsu*.log
    cat "$out/story"
    exit 1
}
for i in 1 2 3 4; do
    ip netns add "$tag-$i" || { echo 'live_cell.sh: no network namespaces'; exit 77; }
    spaces+=("$tag-$i")
done
mkfifo "$out/wire" "$out/words"
"$tools/live_wire" "${spaces[@]}" <"$out/wire" >"$out/wire.log" 2>&1 &
wire=$!
exec 8>"$out/wire"
for _ in $(seq 600); do grep -q ready "$out/wire.log" && break; sleep 0.1; done
grep -q ready "$out/wire.log" || { cat "$out/wire.log"; echo 'live_cell.sh: no wire'; exit 77; }

start_time=2026-06-01T08:00:00Z
"$bin/obusim" --map "$town/town.osm" --world "$town/town-world.osm" --vehicles 30 --cam-hz 1 --duration 420 --change-at 60 \
    --seed 7 --start "$start_time" --pki "$out/trust" --out "$out/drive.pcap" >/dev/null || fail 'obusim'
"$bin/rsuctl" cell init --out "$out/cell" --map "$town/town.osm" --trust "$out/trust" --capture "$out/drive.pcap" \
    --clock-rate 8 --clock-epoch "$start_time" --block-interval-ms 500 >"$out/init.log" 2>&1 || { cat "$out/init.log"; fail 'cell init'; }
for i in 1 2 3 4; do
    sed -i -E "s#127\.0\.0\.1:710([0-3])#10.79.0.X\1:7100#g; s#10\.79\.0\.X0#10.79.0.1#g; s#10\.79\.0\.X1#10.79.0.2#g;
        s#10\.79\.0\.X2#10.79.0.3#g; s#10\.79\.0\.X3#10.79.0.4#g; s#^http:.*#http: unix:http.sock#" "$out/cell/rsu$i/rsud.yaml"
done
start() {
    rm -f "$out/cell/rsu$1/http.sock" "$out/cell/rsu$1/admin.sock"
    ip netns exec "$tag-$1" "$bin/rsud" --config "$out/cell/rsu$1/rsud.yaml" >>"$out/rsu$1.log" 2>&1 &
    pid[$1]=$!
}
say() { echo "$1" >>"$out/story"; echo "$1" >&8; }
kill_hard() {
    echo "kill $1" >>"$out/story"
    echo "K $1" >&9
    kill -9 "${pid[$1]}"
    wait "${pid[$1]}" 2>/dev/null
}
: >"$out/story"
say 'delay 5 5'
for i in 1 2 3 4; do start $i; done
for i in 1 2 3 4; do
    for _ in $(seq 2000); do [ -S "$out/cell/rsu$i/http.sock" ] && break; sleep 0.1; done
    [ -S "$out/cell/rsu$i/http.sock" ] || fail "unit $i does not start"
done
"$tools/live_client" "$out/cell" 4 "$seconds" "$repo/scripts/policies/motorway.lua" "$out/history" "$seed" \
    <"$out/words" >"$out/verdict" 2>&1 &
client=$!
exec 9>"$out/words"

# Faults of one or two seconds, drawn from the seed, then some seconds without.
RANDOM=$seed
end=$((SECONDS + seconds - 8))
turn=0
while [ $SECONDS -lt $end ]; do
    a=$((1 + RANDOM % 4))
    b=$((1 + (a + RANDOM % 3) % 4))
    case $((turn++ % 8)) in
        0) kill_hard "$a"; sleep 0.5; start "$a" ;;
        1) say "split $a $b"; sleep 3; say heal ;;
        2) say "isolate $a"; sleep 3; kill_hard "$b"; start "$b"; say heal ;;
        3) say "cut $a $b"; sleep 3; say heal ;;
        4) kill_hard "$a"; sleep 3; start "$a" ;; # its turn to propose comes several times in between
        5) say 'loss 100'; sleep 3; say 'loss 0' ;;
        6) say 'delay 60 60'; sleep 3; say 'delay 5 5' ;;
        7) kill_hard "$a"; kill_hard "$b"; start "$a"; start "$b" ;;
    esac
    sleep 1.5
done
say heal
say 'loss 0'
wait "$client"
code=$?
client=
cat "$out/verdict"
[ $code -eq 0 ] || { [ -n "${WAYSIDE_LIVE_KEEP:-}" ] && cp "$out/history" "$WAYSIDE_LIVE_KEEP"; fail 'the history is not consistent'; }
grep -qi 'contradict' "$out"/rsu*.log && fail 'a killed validator contradicted itself'
for i in 1 2 3 4; do
    kill "${pid[$i]}"
    wait "${pid[$i]}" || fail "unit $i stopped with an error"
done
exit 0
