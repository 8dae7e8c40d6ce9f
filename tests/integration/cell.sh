#!/bin/bash
# Four rsud on loopback, as an authority runs them: a drive comes in, one unit is killed hard again and again, one is stopped
# in order, all agree in the end; a policy is deployed and in force everywhere; a forged one is not.
# usage: cell.sh PROGRAMS-FOLDER [BASE-PORT]
set -u
. "$(dirname "$0")/units.sh" "${1:-}" "${2:-}"

start_time=2026-06-01T08:00:00Z
"$bin/obusim" --map "$town/town.osm" --world "$town/town-world.osm" --vehicles 20 --cam-hz 1 --duration 900 --change-at 60 \
    --seed 7 --start "$start_time" --pki "$out/trust" --out "$out/drive.pcap" >/dev/null || fail 'obusim'
ctl cell init --out "$cell" --map "$town/town.osm" --trust "$out/trust" --capture "$out/drive.pcap" \
    --clock-rate 25 --clock-epoch "$start_time" --block-interval-ms 500 --base-port "$base" --http-port "$http" \
    >"$out/init.log" 2>&1 || { cat "$out/init.log"; fail 'cell init'; }
for i in 1 2 3 4; do start $i; done

# Hard kills of one unit at odd moments while the others go on, an orderly stop of another in between.
for pause in 4.1 1.3 2.7 0.9; do
    sleep "$pause"
    kill -9 "${pid[3]}"
    wait "${pid[3]}" 2>/dev/null
    start 3
done
wait_for 60 'unit 2 makes blocks' at_least 2 1
end 2
start 2

deadline=$((SECONDS + PATIENCE * 90))
while :; do
    [ $SECONDS -lt $deadline ] || fail "no agreement in time: $(for i in 1 2 3 4; do height $i; done | tr '\n' ' ')"
    sleep 1
    status 1 | grep -q '"finished": true' || continue
    [ "$(status 1 | field map_version)" -ge 2 ] 2>/dev/null || continue
    h=$(height 1)
    ok=1
    for i in 2 3 4; do [ "$(height $i)" -ge $((${h:-0} - 1)) ] 2>/dev/null || ok=0; done
    [ $ok -eq 1 ] && break
done
h=$(($(height 1) - 3))
id=$(block 1 $h)
[ ${#id} -eq 64 ] || fail "no block $h over HTTP"
for i in 2 3 4; do
    wait_for 30 "unit $i has block $h" at_least $i $h
    [ "$(block $i $h)" = "$id" ] || fail "unit $i has another block at height $h"
done
grep -qi 'contradict' "$out"/rsu*.log && fail 'a killed validator contradicted itself'

# All units know the same randomness of a height, and the last is not far behind the last block; the proof is there.
randomness() { ctl cell beacon --height "$2" --http "127.0.0.1:$((http + $1 - 1))"; }
is_random() { r=$(randomness "$1" $((h - 3))) && [ ${#r} -eq 64 ]; } # UNIT
wait_for 10 "randomness of height $((h - 3))" is_random 1
first=$r
for i in 2 3 4; do
    wait_for 10 "randomness of height $((h - 3)) on unit $i" is_random $i
    [ "$r" = "$first" ] || fail "unit $i has other randomness"
done
ctl cell beacon --height $((h - 3)) --genesis "$cell/genesis.bin" --http "127.0.0.1:$http" | grep -q "$r" ||
    fail 'the randomness is not proven'
proof=$(curl -s "http://127.0.0.1:$http/v1/beacon/$((h - 3))" | sed -nE 's/.*"proof": ?"([^"]+)".*/\1/p')
curl -sf "http://127.0.0.1:$http$proof" | grep -q "$r" || fail 'the proof of a height does not hold its randomness'

# A policy of the authority is in force on every unit; one signed by somebody else is refused.
ctl policy deploy "$repo/scripts/policies/motorway.lua" --genesis "$cell/genesis.bin" --key "$cell/authority/1.key" \
    --admin "$cell/rsu1/admin.sock" --http "127.0.0.1:$http" --wait 240 >"$out/deploy.log" 2>&1 || { cat "$out/deploy.log"; fail 'policy deploy'; }
has_policy() { ctl policy show --http "127.0.0.1:$((http + $1 - 1))" | grep -q 'motorway'; } # UNIT
for i in 1 2 3 4; do wait_for 10 "unit $i has the new policy" has_policy $i; done
cp "$cell/rsu1/validator.key" "$out/forged.key"
ctl policy deploy "$repo/scripts/policies/motorway.lua" --genesis "$cell/genesis.bin" --key "$out/forged.key" \
    --admin "$cell/rsu1/admin.sock" --http "127.0.0.1:$http" --wait 240 >"$out/forged.log" 2>&1 && fail 'a forged order was taken'

ctl map watch --http "127.0.0.1:$((http + 2))" --out "$out/diffs" --once >/dev/null 2>&1 || fail 'map watch'
ctl map verify --genesis "$cell/genesis.bin" "$out"/diffs/*.proof >/dev/null || fail 'map verify'
curl -s "http://127.0.0.1:$http/v1/proofs/map/2" | sed -nE 's/.*"bundle": ?"([0-9a-f]+)".*/\1/p' >"$out/two.hex"
ctl map verify --genesis "$cell/genesis.bin" "$out/two.hex" | grep -q 'map version 2' || fail 'map verify of the digits of a unit'
sed 's/ff/fe/' "$out/two.hex" >"$out/bad.hex"
ctl map verify --genesis "$cell/genesis.bin" "$out/bad.hex" >/dev/null 2>&1 && fail 'digits that were changed hold'
for i in 1 2 3 4; do end $i; done
exit 0
