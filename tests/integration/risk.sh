#!/bin/bash
# Where vehicles drive dangerously, says the cell's model, drivers are warned: the policy authorities put a model in force, units
# apply it to the CAM that they hear, find the one place where several vehicles are far above the limit, and file it as an
# observation of a hazard. Two units that say so are one voice, the model's; a camera that sees the same is another, and the advisory
# comes by HTTP and on the air. What was decided, by which model, can be asked for and is written down. usage: risk.sh PROGRAMS-FOLDER RISK-MODEL [BASE-PORT]
set -u
. "$(dirname "$0")/units.sh" "${1:-}" "${3:-}"
model=${2:?the program that writes a model}

start_time=2026-06-01T08:00:00Z
# Eastbound on the main road, one every 8 s, at 50 km/h as the map says but for 100 m behind the middle: 90 km/h there. Westbound all are calm.
awk 'BEGIN {
    print "<fcd-export>"
    for (t = 0; t < 900; t++) {
        printf "<timestep time=\"%d\">\n", t
        for (v = 0; v < 110; v++) {
            age = t - 8 * v
            if (age < 0) continue
            x = age < 35 ? -485 + 13.9 * age : age < 39 ? 1.5 + 25 * (age - 35) : 101.5 + 13.9 * (age - 39)
            if (x < 485) printf "<vehicle id=\"e%d\" x=\"%.2f\" y=\"-4.9\" angle=\"90\"/>\n", v, x
            y = 485 - 13.9 * age
            if (y > -485) printf "<vehicle id=\"w%d\" x=\"%.2f\" y=\"4.9\" angle=\"270\"/>\n", v, y
        }
        print "</timestep>"
    }
    print "</fcd-export>"
}' >"$out/drive.xml"
echo '<net version="1.9"><location netOffset="0.00,0.00" projParameter="+proj=tmerc +lat_0=48.76 +lon_0=11.42 +k=1 +x_0=0 +y_0=0 +ellps=WGS84"/></net>' \
    >"$out/town.net.xml"
"$bin/obusim" --map "$town/town.osm" --fcd "$out/drive.xml" --fcd-net "$out/town.net.xml" --cam-hz 4 --seed 7 --start "$start_time" --units 4 --pki "$out/trust" \
    --out "$out/drive.pcap" >"$out/said" 2>&1 || fail 'obusim'
ctl cell init --out "$cell" --map "$town/town.osm" --trust "$out/trust" --capture "$out/drive.pcap" \
    --clock-rate 10 --clock-epoch "$start_time" --block-interval-ms 500 --base-port "$base" --http-port "$http" \
    >"$out/init.log" 2>&1 || { cat "$out/init.log"; fail 'cell init'; }
for i in 1 2; do
    cat >>"$cell/rsu$i/rsud.yaml" <<END
sensors:
  - {name: mast, socket: mast.sock, ticket: $out/trust.units/unit$i.cert, ticket_key: $out/trust.units/unit$i.key,
     place: "48.7602000,11.4200000", heading_deg: $((180 * i - 90)), view_deg: 360, range_m: 700}
decide: {sensor: mast, vehicles: 3, quiet_s: 60}
END
done
for i in 3 4; do
    cat >>"$cell/rsu$i/rsud.yaml" <<END
sensors:
  - {name: camera, socket: camera.sock, ticket: $out/trust.units/unit$i.cert, ticket_key: $out/trust.units/unit$i.key,
     place: "48.7600000,11.4200000", heading_deg: $((180 * i - 450)), view_deg: 360, range_m: 700}
END
done
yaml=$cell/rsu1/rsud.yaml
# Beside the capture that it hears, a port of its own to send on.
sed -i 's/^ports:/ports:\n  - {kind: ring}/' "$yaml"
cat >>"$yaml" <<END
radio:
  ticket: $out/trust.units/unit3.cert
  ticket_key: $out/trust.units/unit3.key
  issuer: $out/trust.units/issuer.cert
  place: 48.7601,11.4200
record: {folder: $out/record, file_mb: 64, reserve_mb: 0}
END
"$bin/rsud" --config "$yaml" --check >"$out/said" 2>&1 || fail '--check refuses the decision service'
sed 's/sensor: mast/sensor: tower/' "$yaml" >"$cell/rsu1/bad.yaml"
"$bin/rsud" --config "$cell/rsu1/bad.yaml" --check >"$out/said" 2>&1 && fail '--check takes a sensor that is not there'
grep -q "decide.sensor: none of the sensors is called 'tower'" "$out/said" || fail 'the sensor that is missing is not named'
for i in 1 2 3 4; do start $i; done

risk() { curl -s "http://127.0.0.1:$((http + $1 - 1))/v1/learning/risk" | tr -d ' \n'; } # UNIT
metric() { curl -s "http://127.0.0.1:$http/metrics" | sed -nE "s/^$1 ([0-9]+)\$/\\1/p"; }
wait_for 60 'the units make blocks' at_least 1 3
risk 1 | grep -q '"why":"nomodelisinforce"' || { risk 1; fail 'it does not say that there is no model'; }
risk 3 | grep -q 'nodecisionservice' || fail 'a unit without the service has one'

# A model by order of the authorities, at one unit; the other gets its file from that one.
"$model" 25 "$out/wild.wsfl" || fail 'risk_model'
hash=$(sha256sum "$out/wild.wsfl" | cut -d ' ' -f 1)
ctl model order "$out/wild.wsfl" --genesis "$cell/genesis.bin" --key "$cell/authority/1.key" --admin "$cell/rsu1/admin.sock" \
    --http "127.0.0.1:$http" --wait 240 >"$out/said" 2>&1 || fail 'the order is not accepted'
applied() { risk "$1" | grep -q "\"applied\":true.*\"hash\":\"$hash\""; }
wait_for 30 'unit 1 applies the model' applied 1
wait_for 60 'unit 2 has fetched the model and applies it' applied 2

# One place, eastbound; the speeds that were judged; the model; the transaction.
found() { risk "$1" | grep -qE '"present":\[\{.*"observation":"[0-9a-f]{64}"'; }
wait_for 90 'unit 1 has told the cell of a risk' found 1
wait_for 60 'unit 2 has told the cell of a risk' found 2
risk 1 >"$out/said"
grep -qE "\"direction_deg\":90,\"class\":1,\"class_name\":\"wild\"" "$out/said" || fail 'not eastbound, or another class'
grep -q '"direction_deg":270' "$out/said" && fail 'the calm direction is risky'
grep -q "\"model_hash\":\"$hash\"" "$out/said" || fail 'the model is not named'
# One number for it everywhere: the ledger's.
version=$(curl -s "http://127.0.0.1:$http/v1/models" | tr -d ' \n' | grep -oE "\"version\":[0-9]+,\"hash\":\"$hash\"" | grep -oE '[0-9]+' | head -n 1)
[ -n "$version" ] || fail 'the model is not among those of the cell'
grep -q "\"version\":$version,\"hash\":\"$hash\"" "$out/said" || fail 'the service calls the model another version'
grep -q "\"model_version\":$version," "$out/said" || fail 'a decision calls the model another version'
ctl model export "$version" --format safetensors --out "$out/wild.safetensors" --http "127.0.0.1:$http" >"$out/told" 2>&1 || fail 'export'
grep -aq "\"version\":\"$version\"" "$out/wild.safetensors" || fail 'an export calls the model another version'
ctl model show "$version" --json --http "127.0.0.1:$http" | tr -d ' \n' | grep -q "\"version\":$version," || fail 'model show calls the model another version'
place=$(grep -oE '"place":\{[^}]*\}' "$out/said" | sort -u)
[ "$(echo "$place" | wc -l)" -le 2 ] || fail 'more places than the 100 m may touch'
tx=$(grep -oE '"observation":"[0-9a-f]{64}"' "$out/said" | head -n 1 | cut -d'"' -f4)
# The unit that came second said nothing new.
in_block() { curl -s "http://127.0.0.1:$http/v1/tx/$tx" | tr -d ' \n' | grep -qE '"result":"(ok|nothing_new)"'; }
wait_for 30 'the observation is in a block' in_block
grep -qE "\"observation\":\"$tx\"" "$cell/rsu1/data/decide/decisions.jsonl" || fail 'it is not written down'

# One model does not decide, through however many units.
candidates() { curl -s "http://127.0.0.1:$http/v1/map/candidates" | tr -d ' \n'; }
candidates >"$out/candidates"
grep -q '"kind":"hazard"' "$out/candidates" || { cat "$out/candidates"; fail 'the risk is no candidate'; }
grep -q '"advisory":{' "$out/candidates" && { cat "$out/candidates"; fail 'the model has decided alone'; }
# Cameras that see it for themselves are other voices.
sees() { # UNIT
    echo "$place" | sed -E 's/"place":\{(.*)\}/{"detections": [{"report": "detected", "kind": "hazard", \1, "sigma_mm": 500, "value": 99, "heading_deg": 90}]}/' |
        ctl sensor send --socket "$cell/rsu$1/camera.sock" >"$out/said" 2>&1
}
for i in 3 4; do sees $i || fail "the camera of unit $i is not heard"; done

# What drivers get: the hazard with causeCode 99, as any advisory.
advised() { [ "$(metric 'wayside_broadcast_items')" -ge 1 ] 2>/dev/null; }
wait_for 60 'the advisory is being said' advised
on_air() { [ "$(metric 'wayside_transmit_sent_total\{kind="denm"\}')" -ge 2 ] 2>/dev/null && [ "$(metric 'wayside_transmit_sent_total\{kind="notice"\}')" -ge 2 ]; }
wait_for 60 'the hazard is on the air' on_air
timeout 5 curl -sN "http://127.0.0.1:$http/v1/live" >"$out/live"
tr -d ' ' <"$out/live" | grep -qE '"kind":"hazard"[^{}]*"value":99[^{}]*' || { head -c 3000 "$out/live"; fail 'the stream does not tell of the hazard'; }
curl -s "http://127.0.0.1:$http/v1/map/candidates" | tr -d ' \n' >"$out/candidates"
grep -qE '"kind":"hazard".*"advisory":\{"id":"[0-9a-f]{64}"' "$out/candidates" || { cat "$out/candidates"; fail 'no advisory'; }
no_complaints
for i in 1 2 3 4; do end $i; done

# A unit that has no such service any more keeps its log no longer than it would have: on a clock of a year later nothing of it is left.
log=$cell/rsu2/data/decide/decisions.jsonl
[ -s "$log" ] || fail 'unit 2 has written nothing down'
epoch=$(sed -nE 's/^clock:.* epoch: ([0-9]+).*/\1/p' "$cell/rsu2/rsud.yaml")
sed -i -e '/^decide:/d' -e "/^clock:/s/epoch: $epoch/epoch: $((epoch + 31536000000000))/" "$cell/rsu2/rsud.yaml"
start 2
erased() { [ ! -e "$log" ]; }
wait_for 60 'the old log is erased' erased
end 2
exit 0
