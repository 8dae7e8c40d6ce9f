#!/bin/bash
# A cell of four rsud on this machine hears of signs that have changed: from the deciding frame to the advisory on the event
# stream of the units. usage: advisory.sh BUILD-FOLDER [ADVISORIES]
set -eu
build=$(cd "${1:?build folder}" && pwd)
out=$(mktemp -d)
pids=()
stop() {
    [ ${#pids[@]} -eq 0 ] || kill "${pids[@]}" 2>/dev/null || true
    wait 2>/dev/null || true
    rm -rf "$out"
}
trap stop EXIT
"$build/tests/bench/bench_advisory" make "$out" "${2:-240}"
"$build/rsu/rsuctl" cell init --out "$out/cell" --map "$out/map.wmap" --trust "$out/trust" --clock-rate 1 \
    --clock-epoch 2026-06-01T08:00:00Z --capture "$out/unit1.pcap" --base-port 7620 --http-port 8620 >/dev/null
for i in 1 2 3 4; do
    sed -i "s#unit1\.pcap#unit$i.pcap#" "$out/cell/rsu$i/rsud.yaml"
    "$build/rsu/rsud" --config "$out/cell/rsu$i/rsud.yaml" 2>"$out/rsu$i.log" &
    pids+=($!)
done
for port in 8620 8621 8622 8623; do
    for _ in $(seq 100); do
        curl -sf "http://127.0.0.1:$port/healthz" >/dev/null && break
        sleep 0.1
    done
done
"$build/tests/bench/bench_advisory" watch "$out" 8620 || {
    tail -n 5 "$out"/rsu*.log >&2
    exit 1
}
