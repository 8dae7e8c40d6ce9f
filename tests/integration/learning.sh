#!/bin/bash
# Vehicles that learn with a running cell: four rsud, each with an interface that it hears and a door for uploads; vehicles that train on
# slices of driving data; rounds closed by nothing but the processes.
# usage: learning.sh PROGRAMS-FOLDER
set -u
data=${WAYSIDE_DATA:-$(cd "$(dirname "$0")/../.." && pwd)/../shared/data}/driving/polidriving
[ -r "$data/alonso_23241201_290300_lab.csv" ] || { echo 'learning.sh: the driving data are not there'; exit 77; }
[ "$(id -u)" = 0 ] && [ -w /dev/net/tun ] || { echo 'learning.sh: needs root and /dev/net/tun'; exit 77; }
. "$(dirname "$0")/units.sh" "${1:-}"
door=$((base + 4))
tap=wl$$

cat >"$out/schema" <<'END'
label risk_level 1 2 3 4
feature observation_hour|time
feature speed
feature rpm
feature acceleration
feature throttle_position
feature engine_temperature
feature engine_load_value
feature heart_rate
feature current_weather
feature visibility
feature precipitation
feature accidents_onsite
feature design_speed
feature accidents_time else 0
block 300
END
tables=(--schema "$out/schema" --data "$data/alonso_23241201_290300_lab.csv" --data "$data/furious_20231226_150915_lab.csv")
sed -E 's/every_s = [^,]*/every_s = 1/; s/submit_s = [^,]*/submit_s = 6/; s/attest_s = [^,]*/attest_s = 8/
    s/open_s = [^,]*/open_s = 30/; s/judge_s = [^,]*/judge_s = 30/; s/quarantine = nats\(13\)/quarantine = nats(3)/' \
    "$repo/scripts/policies/urban.lua" >"$out/quick.lua"

"$bin/obusim" --learn --prepare --pki "$out/trust" || fail 'obusim --learn --prepare'
ctl cell init --out "$cell" --map "$town/town.osm" --trust "$out/trust" --policy "$out/quick.lua" --validators 4 --base-port "$base" \
    --http-port "$http" --block-interval-ms 250 >"$out/init.log" 2>&1 || { cat "$out/init.log"; fail 'cell init'; }
units=()
for i in 1 2 3 4; do
    yaml=$cell/rsu$i/rsud.yaml
    sed -i '/^ports:/,/^[^ ]/{/^ports:/d;/^  /d}' "$yaml"
    cat >>"$yaml" <<END
ports: [{kind: tap, interface: $tap$i}]
learning: {upload: "127.0.0.1:$((door + i - 1))", uploads: 64, store_mb: 256}
END
    units+=(--unit "127.0.0.1:$((http + i - 1)),$tap$i")
    start $i
done
for i in 1 2 3 4; do wait_for 60 "unit $i makes blocks" at_least $i 2; done
ctl model new "${tables[@]}" --hidden 32 --out "$out/first.wsfl" >"$out/said" 2>&1 || fail 'model new'
ctl model roots --model "$out/first.wsfl" "${tables[@]}" --out "$out/roots" >"$out/said" 2>&1 || fail 'model roots'
ctl model order "$out/first.wsfl" --roots "$out/roots" --name risk --genesis "$cell/genesis.bin" --key "$cell/authority/1.key" \
    --admin "$cell/rsu1/admin.sock" --http "127.0.0.1:$http" --wait 240 >"$out/said" 2>&1 || fail 'model order'
"$bin/obusim" --learn "${units[@]}" --genesis "$cell/genesis.bin" --pki "$out/trust" "${tables[@]}" --vehicles 64 --absent 0.1 \
    --rounds ${ROUNDS:-4} --within 300 --seed 3
echo "exit $?"
curl -s "127.0.0.1:$http/v1/learning" | head -c 3000
grep -v qdisc $out/rsu1.log | tail -5
