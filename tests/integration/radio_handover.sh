#!/bin/bash
# A vehicle follows a change of the committee by radio alone: a unit sends the handover in fragments through its radio (a port that
# hears itself), what was on the air is recorded, and obusim, which has the genesis and nothing else, puts the fragments together,
# checks them and trusts the new committee. One with another cell's genesis refuses them by name.
# usage: radio_handover.sh PROGRAMS-FOLDER [BASE-PORT]
set -u
. "$(dirname "$0")/units.sh" "${1:-}" "${2:-}"
metric() { curl -s "http://127.0.0.1:$http/metrics" | sed -nE "s/^$1 ([0-9]+)\$/\\1/p"; }
metric_is() { [ "$(metric "$1")" -ge "$2" ] 2>/dev/null; }

now=$(date -u +%Y-%m-%dT%H:%M:%SZ)
"$bin/obusim" --map "$town/town.osm" --vehicles 1 --duration 5 --seed 7 --start "$now" --units 1 --pki "$out/trust" \
    --out "$out/drive.pcap" >/dev/null 2>&1 || fail 'obusim'
for name in cell other; do
    ctl cell init --out "$out/$name" --map "$town/town.osm" --trust "$out/trust" --validators 1 --block-interval-ms 100 \
        --base-port "$base" --http-port "$http" >"$out/init.log" 2>&1 || { cat "$out/init.log"; fail 'cell init'; }
done
yaml=$cell/rsu1/rsud.yaml
sed -i '/^ports:/,/^[^ ]/{/^ports:/d;/^  /d}' "$yaml"
cat >>"$yaml" <<END
ports: [{kind: ring}]
radio:
  ticket: $out/trust.units/unit1.cert
  ticket_key: $out/trust.units/unit1.key
  issuer: $out/trust.units/issuer.cert
  place: 48.7601,11.4150
  handover_ms: 300
record: {folder: $out/record, file_mb: 1, reserve_mb: 0}
END
start 1
wait_for 60 'the founder makes blocks' metric_is wayside_height 3
[ "$(metric 'wayside_transmit_sent_total\{kind="handover"\}')" = 0 ] || fail 'it sends handovers before there are any'
one=$(addresses)

# Another unit becomes a validator: from then on both sign, and the founder's committee is the former one.
ctl cell join --out "$cell/rsu2" --like "$yaml" --bind "tcp://127.0.0.1:$((base + 1))" --endpoint "tcp://127.0.0.1:$((base + 1))" \
    --peer "$one=tcp://127.0.0.1:$base" --http "127.0.0.1:$((http + 1))" >"$out/join.log" 2>&1 || { cat "$out/join.log"; fail 'cell join'; }
address=$(joined_address)
key=$(joined_key validator)
link=$(joined_key link)
sed -i '/^peers:/,/^[^ ]/{/^peers:/d;/^  /d}' "$yaml"
cat >>"$yaml" <<END
peers: [{address: $address, endpoint: "tcp://127.0.0.1:$((base + 1))"}]
followers: [{key: $link, endpoint: "tcp://127.0.0.1:$((base + 1))"}]
END
kill -HUP "${pid[1]}"
sed -i -E '/^(radio|record|ports):/,/^[^ ]/{/^(radio|record|ports):/d;/^  /d}' "$cell/rsu2/rsud.yaml"
start 2
order=(--genesis "$cell/genesis.bin" --key "$cell/authority/1.key" --admin "$cell/rsu1/admin.sock" --http "127.0.0.1:$http" --wait 240)
ctl cell validators add --validator-key "$key" --link-key "$link" --owner two --mast two --anyway "${order[@]}" >"$out/add.log" 2>&1 ||
    { cat "$out/add.log"; fail 'cell validators add'; }
wait_for 30 'two validators' committee 1 2
wait_for 30 'the handover is on the air' metric_is 'wayside_transmit_sent_total\{kind="handover"\}' 6
wait_for 30 'its own port hears them' metric_is 'wayside_admission_total\{outcome="notice"\}' 4
[ "$(metric 'wayside_admission_total\{outcome="refused"\}')" = 0 ] || fail 'a fragment was taken for an observation'
metric_is wayside_broadcast_handovers 1 || fail 'the handover is not counted'
# It is taken up again after a start.
before=$(metric wayside_height)
end 1
start 1
wait_for 60 'the handover is on the air again' metric_is 'wayside_transmit_sent_total\{kind="handover"\}' 4
wait_for 30 'the cell goes on' metric_is wayside_height "$((before + 3))"
boundary=$(ctl cell validators --http "127.0.0.1:$http" --json >/dev/null && curl -s "http://127.0.0.1:$http/v1/handovers?from=0" | tr -d ' \n' | grep -oE '"height":[0-9]+' | head -n 1 | cut -d: -f2)
for i in 1 2; do end $i; done

# hear GENESIS: what a vehicle that drives past makes of all that was recorded
hear() {
    local f
    for f in "$out"/record/*.pcapng; do
        "$bin/obusim" --listen "$f" --genesis "$1" "${@:2}" || { echo "obusim: exit $?"; return; }
    done
}
hear "$cell/genesis.bin" >"$out/heard"
grep -q ' 1 verified, ' "$out/heard" || { cat "$out/heard"; fail 'the vehicle did not get over the change'; }
grep -q ' 0 malformed, 0 spoiled$' "$out/heard" || { cat "$out/heard"; fail 'fragments are bad'; }
grep -q ' 0 refused$' "$out/heard" || { cat "$out/heard"; fail 'handovers are refused'; }
grep -q 'trusts the 2 validators that sign from height '"$((boundary + 1))"' on' "$out/heard" || { cat "$out/heard"; fail "it does not trust the committee behind height $boundary"; }
hear "$out/other/genesis.bin" >"$out/heard"
grep -q ' 0 verified, 0 known, ' "$out/heard" || { cat "$out/heard"; fail 'a vehicle of another cell believes'; }
grep -qE '^refused: [1-9][0-9]* other_cell$' "$out/heard" || { cat "$out/heard"; fail 'the reason is not named'; }
"$bin/obusim" --listen "$out/add.log" --genesis "$cell/genesis.bin" >"$out/heard" 2>&1
[ $? -eq 3 ] || { cat "$out/heard"; fail 'what is no capture is heard'; }
"$bin/obusim" --listen "$out/drive.pcap" >"$out/heard" 2>&1
[ $? -eq 2 ] || { cat "$out/heard"; fail 'no genesis is needed?'; }
exit 0
