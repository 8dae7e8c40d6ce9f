#!/bin/bash
# The demo: four roadside units on this machine hear a drive through a small town. Half-way one speed limit sign changes,
# one sign disappears and one appears; the cell notices, agrees and publishes, and every change is checked offline against
# the genesis alone. usage: demo.sh FOLDER-OF-PROGRAMS
#   KEEP=1 leaves the cell running; MINUTES, RATE, VEHICLES, HTTP_PORT, BASE_PORT change the scene.
set -u
bin=$(cd "${1:?folder of programs}" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
out=${OUT:-$PWD/out/demo}
minutes=${MINUTES:-12}
rate=${RATE:-25}
vehicles=${VEHICLES:-24}
http=${HTTP_PORT:-8100}
links=${BASE_PORT:-7100}
start=2026-06-01T08:00:00Z

fail() {
    echo "demo: $1" >&2
    exit "${2:-1}"
}
for tool in rsud rsuctl obusim; do
    [ -x "$bin/$tool" ] || fail "$bin/$tool is missing; run make build" 3
done
pids=()
stop() {
    [ ${#pids[@]} -eq 0 ] || kill "${pids[@]}" 2>/dev/null
    wait 2>/dev/null
}
trap stop EXIT
trap 'exit 130' INT TERM

# run NAME COMMAND...: its output goes to a file, and to the screen when it fails
run() {
    local log="$out/$1.log"
    shift
    "$@" >"$log" 2>&1 || {
        cat "$log" >&2
        fail "$(basename "$1") failed"
    }
}

rm -rf "$out"
mkdir -p "$out" || fail "cannot write $out" 3

echo "1. A drive is simulated: $vehicles vehicles for $minutes minutes, every message signed."
run drive "$bin/obusim" --map "$here/town.osm" --world "$here/town-world.osm" --vehicles "$vehicles" \
    --duration $((minutes * 60)) --start "$start" --seed 7 --pki "$out/trust" --out "$out/drive.pcap"
sed 's/^/   /' "$out/drive.log"

echo "2. A cell of four validators is founded on the map as registered; cell time runs $rate times as fast."
run init "$bin/rsuctl" cell init --out "$out/cell" --name demo-town --map "$here/town.osm" --trust "$out/trust" \
    --clock-rate "$rate" --clock-epoch "$start" --capture "$out/drive.pcap" \
    --block-interval-ms 500 --base-port "$links" --http-port "$http"
fingerprint=$(sed -nE 's/^genesis fingerprint: ([0-9a-f]{64})$/\1/p' "$out/init.log")
[ -n "$fingerprint" ] || fail 'cell init printed no fingerprint'
echo "   genesis fingerprint $fingerprint"

echo "3. Four rsud start, each with its own store and DPDK port, linked over ZeroMQ/CURVE."
for i in 1 2 3 4; do
    "$bin/rsud" --config "$out/cell/rsu$i/rsud.yaml" >"$out/rsu$i.log" 2>&1 &
    pids+=($!)
done

# field NAME: a number from the status of the first unit
field() { sed -nE "s/.*\"$1\": ?([0-9]+).*/\1/p" <<<"$status" | head -n 1; }
deadline=$((SECONDS + minutes * 60 / rate + 40))
calm=0
shown=
said=0
while [ $calm -lt 3 ]; do
    [ $SECONDS -lt $deadline ] || fail 'the cell did not get to the end of the capture in time'
    for p in "${pids[@]}"; do
        kill -0 "$p" 2>/dev/null || { tail -n 5 "$out"/rsu*.log >&2; fail 'a unit stopped (ports taken? HTTP_PORT=9100 BASE_PORT=9200 make demo uses others)'; }
    done
    sleep 1
    status=$("$bin/rsuctl" cell status --http "127.0.0.1:$http" --json 2>/dev/null) || continue
    # A line every few seconds, and at once when the map has a new version.
    version=$(field map_version)
    if [ "$version" != "$shown" ] || [ $SECONDS -ge $((said + 4)) ]; then
        echo "   height $(field height), map version $version, frames heard $(field frames)"
        shown=$version
        said=$SECONDS
    fi
    grep -q '"finished": *true' <<<"$status" && calm=$((calm + 1))
done

echo "4. What the first unit says:"
"$bin/rsuctl" cell status --http "127.0.0.1:$http" | sed 's/^/   /'

echo "5. What the road became, checked offline against the genesis alone:"
run watch "$bin/rsuctl" map watch --http "127.0.0.1:$http" --out "$out/diffs" --once
proofs=("$out"/diffs/*.proof)
[ -e "${proofs[0]}" ] || fail 'no change was published'
"$bin/rsuctl" map verify --genesis "$out/cell/genesis.bin" --fingerprint "$fingerprint" "${proofs[@]}" |
    tee "$out/verify.log" | sed 's/^/   /'
[ "${PIPESTATUS[0]}" -eq 0 ] || fail 'a proof does not hold'

if [ -n "${KEEP:-}" ]; then
    echo "The cell keeps running; stop it with Ctrl-C. For example:"
    echo "   http://127.0.0.1:$http/ in a browser: the road, and why the cell believes it"
    echo "   curl http://127.0.0.1:$http/v1/status"
    echo "   curl -N http://127.0.0.1:$http/v1/map/stream"
    wait
fi
echo "Done. Everything is under $out: drive.pcap, cell/, diffs/, logs."
