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

echo "== hashes and signatures"
"$build/tests/bench/bench_verify"

echo "== packet path (frames/s; OpenSSL's own verify in the same run)"
"$build/tests/bench/bench_pktio"
"$build/tests/bench/bench_load"

echo "== a second worker, and an idle one"
"$build/tests/bench/bench_workers"

echo "== revocation lists"
"$build/tests/bench/bench_lists"

echo "== randomness of a height (libsodium's own multiplication in the same run)"
"$build/tests/bench/bench_beacon"

echo "== masking of updates (memory bandwidth, AES, SHA-256, X25519 in the same run), and whether time tells secrets"
"$build/tests/bench/bench_fl_mask"
"$build/tests/bench/bench_fl_ctime"

echo "== map contract"
"$build/tests/bench/bench_map"
"$build/tests/bench/bench_map_attack"
# Real maps, where they are; 77: they are not.
for b in bench_map_pairs bench_map_lies bench_map_vehicles bench_map_diff; do
    (cd "$root" && "$build/tests/bench/$b") || [ $? -eq 77 ]
done

echo "== map import (expat alone in the same run)"
"$build/tests/bench/bench_import"

echo "== one tile of a large map over HTTP (the same octets over a bare socket in the same run)"
"$build/tests/bench/bench_http"

echo "== judging groups of a learning round (reading the sums once, in the same run)"
"$build/tests/bench/bench_fl_learn" judge

echo "== light client"
"$build/tests/bench/bench_light"

echo "== replay: a whole cell in one process"
"$bin/obusim" --map "$town/town.osm" --world "$town/town-world.osm" --vehicles 24 --duration 720 --seed 7 \
    --pki "$out/trust" --out "$out/drive.pcap" >/dev/null
t0=$(date +%s%N)
"$bin/rsuctl" replay "$out/drive.pcap" --map "$town/town.osm" --trust "$out/trust" --out "$out/replay" >/dev/null 2>&1
t1=$(date +%s%N)
frames=$(sed -nE 's/^ *"frames": ([0-9]+),?$/\1/p' "$out/replay/report.json" | head -n 1)
awk -v ns=$((t1 - t0)) -v f="$frames" 'BEGIN {
    printf "720 s of traffic, %d frames, four validators: %.1f s, %.0f times real time\n", f, ns / 1e9, 720e9 / ns }'

# From the deciding observation to the block that publishes the version; most of it is the policy's wait for more
# changes (map.version_age_ms).
awk 'function at(line,  t) {
    match(line, /T[0-9:.]+Z/)
    split(substr(line, RSTART + 1, RLENGTH - 2), t, ":")
    return t[1] * 3600 + t[2] * 60 + t[3]
}
/"time":/ { published = at($0) }
/"what":/ { sub(/^ *"what": "/, ""); sub(/:.*/, ""); what = $0 }
/"last_seen":/ { printf "deciding observation to published version, cell time: %6.2f s  %s\n", published - at($0), what }
' "$out/replay/report.json"

echo "== cell of four processes"
bash "$root/tests/bench/cell.sh" "$build"
bash "$root/tests/bench/advisory.sh" "$build"

echo "== uploads of learning, 300 kB each"
"$build/tests/bench/bench_uploads" 256 16 "${TMPDIR:-/tmp}"
"$build/tests/bench/bench_fl_round"

echo "== snapshot of 256 MiB of state"
"$build/tests/bench/bench_snapshot" 256

echo "== restart after kill -9"
"$build/tests/bench/bench_restart" 20000

echo "== cell of four processes, saturated (every signature verified by every replica, state synced to disk)"
"$build/tests/bench/bench_ledger" --short
