#!/bin/bash
# The page in headless Chromium over a cell of four: changes come live, the slider, evidence, the proof checked and refused,
# desktop and phone, light and dark, paper, keys, trouble; first paint and frames/s are printed, and nothing is judged by a clock:
# the drive goes on for longer than the slowest machine needs, and what the page shows next waits for an order of the authority.
# usage: page.sh PROGRAMS-FOLDER FOLDER-FOR-PICTURES
# 77: no browser here, and nobody asked for everything.
set -eu -o pipefail
bin=$(cd "${1:?folder of programs}" && pwd)
pictures=${2:?folder for pictures}
here=$(cd "$(dirname "$0")" && pwd)
town=$here/../../configs/demo
urban=$here/../../scripts/policies/urban.lua
. "$here/free_ports.sh"
for tool in chromium node; do
    command -v $tool >/dev/null && continue
    echo "$tool is missing (Debian: chromium, nodejs; make check installs them)"
    [ -z "${WAYSIDE_DATA:-}" ] && exit 77
    exit 1
done
out=$(mktemp -d)
pids=()
cleanup() {
    [ ${#pids[@]} -eq 0 ] || kill "${pids[@]}" 2>/dev/null || true
    wait 2>/dev/null || true
    rm -rf "$out"
}
trap cleanup EXIT

start=2026-06-01T08:00:00Z
"$bin/obusim" --map "$town/town.osm" --world "$town/town-world.osm" --vehicles 20 --duration 5400 --change-at 100 --seed 7 \
    --start $start --pki "$out/trust" --out "$out/drive.pcap" >"$out/obusim.log"
free_ports port 16
http=$((port + 10))
# At first more issuers of certificates are asked for than there are: candidates gather evidence and stay candidates.
sed 's/min_issuers = 2,/min_issuers = 16,/' "$urban" >"$out/patient.lua"
! cmp -s "$urban" "$out/patient.lua"
"$bin/rsuctl" cell init --out "$out/cell" --name 'demo <b>town</b>' --map "$town/town.osm" --trust "$out/trust" --clock-rate 12 \
    --clock-epoch $start --policy "$out/patient.lua" --capture "$out/drive.pcap" --block-interval-ms 500 --base-port $port --http-port $http >"$out/init.log"
fingerprint=$(sed -n 's/^genesis fingerprint: //p' "$out/init.log")
for i in 1 2 3 4; do
    "$bin/rsud" --config "$out/cell/rsu$i/rsud.yaml" >"$out/rsud$i.log" 2>&1 &
    pids+=($!)
done
deadline=$((SECONDS + 180))
until curl -sf "http://127.0.0.1:$http/v1/status" >/dev/null; do
    kill -0 "${pids[0]}" 2>/dev/null && [ $SECONDS -lt $deadline ] ||
        { tail -n 5 "$out"/rsud*.log; echo 'FAILED: unit 1 does not answer'; exit 1; }
    sleep 0.1
done
# What the test orders in between: order.sh ELEMENT VALUE [OPTION...], and the policy that is not so patient: policy.sh
signed="--genesis $out/cell/genesis.bin --key $out/cell/authority/1.key --admin $out/cell/rsu1/admin.sock --http 127.0.0.1:$http --wait 240"
cat >"$out/order.sh" <<END
element=\$1 value=\$2; shift 2
"$bin/rsuctl" map order modify --element "\$element" --kind sign --value "\$value" "\$@" $signed
END
cat >"$out/policy.sh" <<END
"$bin/rsuctl" policy deploy "$urban" $signed
END
ORDER="$out/order.sh" POLICY="$out/policy.sh" node "$here/page/page.mjs" "http://127.0.0.1:$http" "$fingerprint" "$pictures" \
    "${pids[@]}" 2>&1 | tee "$out/said" || {
    tail -n 3 "$out"/rsud*.log
    sed -n '/^FAILED/,$p' "$out/said" # once more, as a log may have lost all but its end
    exit 1
}
