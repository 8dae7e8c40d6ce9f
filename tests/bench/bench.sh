#!/bin/bash
# Every figure the project states, each beside its baseline from the same run. Machines are shared and noisy: read the
# ratios. usage: bench.sh BUILD-FOLDER
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
build=$(cd "${1:?build folder}" && pwd)
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
bin=$build/rsu
town=$root/configs/demo

echo "== packet path (frames/s; OpenSSL's own verify in the same run)"
"$build/tests/bench/bench_pktio"

echo "== map contract"
"$build/tests/bench/bench_map"

echo "== replay: a whole cell in one process"
"$bin/obusim" --map "$town/town.osm" --world "$town/town-world.osm" --vehicles 24 --duration 720 --seed 7 \
    --pki "$out/trust" --out "$out/drive.pcap" >/dev/null
t0=$(date +%s%N)
"$bin/rsuctl" replay "$out/drive.pcap" --map "$town/town.osm" --trust "$out/trust" --out "$out/replay" >/dev/null 2>&1
t1=$(date +%s%N)
frames=$(sed -nE 's/^ *"frames": ([0-9]+),?$/\1/p' "$out/replay/report.json" | head -n 1)
awk -v ns=$((t1 - t0)) -v f="$frames" 'BEGIN {
    printf "720 s of traffic, %d frames, four validators: %.1f s, %.0f times real time\n", f, ns / 1e9, 720e9 / ns }'

echo "== cell of four processes"
bash "$root/tests/bench/cell.sh" "$build"
