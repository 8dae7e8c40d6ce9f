#!/bin/bash
# A camera of the roadside unit takes part: its software writes what it sees into a local socket, the unit signs it with the
# camera's certificate, and the cell counts it beside what vehicles report. The sign that changes is confirmed, and the camera
# is among those who saw it. What is wrong in a line is refused by name, and another class of certificate is no sensor's.
# usage: sensors.sh PROGRAMS-FOLDER [BASE-PORT]
set -u
. "$(dirname "$0")/units.sh" "${1:-}" "${2:-}"

start_time=2026-06-01T08:00:00Z
"$bin/obusim" --map "$town/town.osm" --world "$town/town-world.osm" --vehicles 20 --cam-hz 1 --duration 900 --change-at 60 \
    --seed 7 --start "$start_time" --units 1 --pki "$out/trust" --out "$out/drive.pcap" >/dev/null || fail 'obusim'
ctl cell init --out "$cell" --map "$town/town.osm" --trust "$out/trust" --capture "$out/drive.pcap" \
    --clock-rate 15 --clock-epoch "$start_time" --block-interval-ms 500 --base-port "$base" --http-port "$http" \
    >"$out/init.log" 2>&1 || { cat "$out/init.log"; fail 'cell init'; }
yaml=$cell/rsu1/rsud.yaml
cat >>"$yaml" <<END
sensors:
  - name: north
    socket: north.sock
    ticket: $out/trust.units/unit1.cert
    ticket_key: $out/trust.units/unit1.key
    place: 48.7599500,11.4176000
    heading_deg: 90
    rate: 5
END
"$bin/rsud" --config "$yaml" --check >/dev/null || fail '--check refuses the sensor'
sed "s#unit1.key#../cell/rsu1/validator.key#" "$yaml" >"$cell/rsu1/bad.yaml"
"$bin/rsud" --config "$cell/rsu1/bad.yaml" --check >"$out/said" 2>&1 && fail '--check takes a key of another'
grep -q 'sensors\[1\].*ticket_key' "$out/said" || fail 'the reason is not named'
for i in 1 2 3 4; do start $i; done

send() { ctl sensor send --socket "$cell/rsu1/north.sock" "$@" >>"$out/said" 2>&1; }
sensor() { curl -s "http://127.0.0.1:$http/metrics" | sed -nE "s/^wayside_sensor_$1 ([0-9]+)\$/\\1/p"; }
seen='{"age_ms": 100, "detections": [{"report": "detected", "kind": "sign", "lat": 48.7599325, "lon": 11.4179598, "sigma_mm": 150, "value": 30}]}'
wait_for 60 'the unit listens and makes blocks' at_least 1 3
confirmed() {
    echo "$seen" | send
    # a change of this sign in any version so far
    id=$(curl -s "http://127.0.0.1:$http/v1/map/diffs?from=1" | tr -d '\n' | grep -oE '"id": ?"[0-9a-f]{64}"[^}]*"description": ?"sign 50 -> 30' |
        grep -oE '[0-9a-f]{64}' | head -n 1)
    [ -n "$id" ]
}
wait_for 90 'the change of the sign is confirmed' confirmed
curl -s "http://127.0.0.1:$http/v1/map/changes/$id/sightings" >"$out/sightings"
tr -d ' \n' <"$out/sightings" | grep -oE '\{[^{}]*"class":"roadside"[^{}]*\}' >"$out/said"
grep -q '"says":"value"' "$out/said" && grep -q '"value":30' "$out/said" || fail 'the camera is not among those who saw it'
tr -d ' \n' <"$out/sightings" | grep -oE '"class":"(good_camera|basic_camera|lidar)"' | sort | uniq | grep -q camera ||
    fail 'vehicles are not among those who saw it'
[ "$(sensor 'lines_total\{sensor="north",outcome="taken"\}')" -ge 1 ] || fail 'lines taken are not counted'

# Refused by name; the unit goes on.
echo '{"detections": [{"report": "detected", "kind": "sign", "lat": 48.9, "lon": 11.4, "sigma_mm": 150}]}' | send && fail 'a far place is taken'
grep -q '^impossible_place: detections\[1\]' "$out/said" || fail 'impossible_place is not said'
echo '{"detections": [], "class": "good_camera"}' | send && fail 'a line says its class'
grep -q '^malformed: class: no field' "$out/said" || fail 'malformed is not said'
printf '%s\n' 'nonsense' | send && fail 'nonsense is taken'
[ "$(sensor 'lines_total\{sensor="north",outcome="not_json"\}')" = 1 ] || fail 'not_json is not counted'
status 1 | tr -d ' \n' | grep -q '"sensors":\[{"name":"north","class":"roadside"' || fail 'the sensor is not in the status'
quiet() { ctl cell status --http "127.0.0.1:$http" | grep -q "^sensor north (roadside, family 0, 0 connected): .*taken"; }
wait_for 10 'the sensor, with nobody connected any more, is told' quiet
[ "$(stat -c %a "$cell/rsu1/north.sock")" = 660 ] || fail 'the mode of the socket'
no_complaints
for i in 1 2 3 4; do end $i; done
[ ! -e "$cell/rsu1/north.sock" ] || fail 'the socket is left behind'
exit 0
