#!/bin/bash
# A cell of four rsud on this machine: idle cost, then transactions/s and commit latency under load. (From the deciding frame
# to the advisory: advisory.sh.) usage: cell.sh BUILD-FOLDER
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
bin=$(cd "${1:?build folder}/rsu" && pwd)
town=$root/configs/demo
out=$(mktemp -d)
pids=()
stop() {
    [ ${#pids[@]} -eq 0 ] || kill "${pids[@]}" 2>/dev/null || true
    wait 2>/dev/null || true
    pids=()
}
trap 'stop; rm -rf "$out"' EXIT

start_cell() { # NAME INIT-OPTIONS...
    local name=$1
    shift
    "$bin/rsuctl" cell init --out "$out/$name" --map "$town/town.osm" --base-port 7600 --http-port 8600 "$@" >/dev/null
    for i in 1 2 3 4; do
        "$bin/rsud" --config "$out/$name/rsu$i/rsud.yaml" 2>"$out/$name$i.log" &
        pids+=($!)
    done
}
ticks() { awk '{ print $14 + $15 }' "/proc/$1/stat"; }
status() { "$bin/rsuctl" cell status --http 127.0.0.1:8600 --json; }

start_cell idle
sleep 5
a=$(ticks "${pids[0]}")
sleep 20
b=$(ticks "${pids[0]}")
rss=$(awk '/VmRSS/ { print $2 }' "/proc/${pids[0]}/status")
awk -v t=$((b - a)) -v hz="$(getconf CLK_TCK)" -v rss="$rss" 'BEGIN {
    printf "idle rsud, one block a second: %.2f %% of a core, %.0f MiB resident\n", t / hz / 20 * 100, rss / 1024 }'
stop

rate=${RATE:-60}
"$bin/obusim" --map "$town/town.osm" --world "$town/town-world.osm" --vehicles 60 --duration 900 --cam-hz 0 --seed 9 \
    --start 2026-06-01T08:00:00Z --pki "$out/trust" --out "$out/load.pcap" >/dev/null
start_cell load --trust "$out/trust" --clock-rate "$rate" --clock-epoch 2026-06-01T08:00:00Z \
    --capture "$out/load.pcap" --block-interval-ms 500
for _ in $(seq 60); do
    sleep 1
    s=$(status 2>/dev/null) || continue
    grep -q '"finished": *true' <<<"$s" && break
done
sleep 2
s=$(status)
one() { sed -nE "s/.*\"$1\": *([0-9.]+).*/\1/p" <<<"$s" | head -n 1; }
taken=$(one taken)
known=$(one known)
awk -v n="$((taken + known))" -v rate="$rate" -v p50="$(one p50)" -v p99="$(one p99)" 'BEGIN {
    printf "load: %d signed transactions in %d s of wall clock, %.0f/s; commit latency p50 %s ms, p99 %s ms\n",
        n, 900 / rate, n / (900 / rate), p50, p99 }'
