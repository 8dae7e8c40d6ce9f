#!/bin/bash
# Two roadside units in two network namespaces, their radios joined by one pair of virtual interfaces, their backhaul by
# another: each hears what the other sends, live. A drive makes the map change; both say so to vehicles, and hear the other
# say so. Needs root for the namespaces. usage: veth.sh PROGRAMS-FOLDER [af_packet|af_xdp]
set -u
bin=${1:?folder of programs}
kind=${2:-af_packet}
repo=$(cd "$(dirname "$0")/../.." && pwd)
town=$repo/configs/demo
if ! ip netns add "ws-probe-$$" 2>/dev/null; then
    echo 'veth.sh: no network namespaces for this user'
    exit 77
fi
ip netns del "ws-probe-$$"
out=$(mktemp -d)
a=ws-a-$$
b=ws-b-$$
pid=()
stop() {
    for p in "${pid[@]}"; do kill "$p" 2>/dev/null; done
    wait 2>/dev/null
    ip netns del "$a" 2>/dev/null
    ip netns del "$b" 2>/dev/null
    rm -rf "$out"
}
trap stop EXIT
fail() {
    echo "veth.sh: $1"
    tail -n 5 "$out"/rsu*.log
    exit 1
}
ip netns add "$a" && ip netns add "$b" || fail 'namespaces'
ip link add radio0 netns "$a" type veth peer name radio0 netns "$b" || fail 'radio'
ip link add back0 netns "$a" type veth peer name back0 netns "$b" || fail 'backhaul'
n=1
for ns in "$a" "$b"; do
    ip -n "$ns" addr add "10.77.0.$n/24" dev back0
    for dev in lo radio0 back0; do ip -n "$ns" link set "$dev" up; done
    n=$((n + 1))
done

start_time=2026-06-01T08:00:00Z
"$bin/obusim" --map "$town/town.osm" --world "$town/town-world.osm" --vehicles 20 --cam-hz 1 --duration 1800 --change-at 60 \
    --seed 7 --start "$start_time" --units 2 --pki "$out/trust" --out "$out/drive.pcap" >/dev/null || fail 'obusim'
"$bin/rsuctl" cell init --out "$out/cell" --map "$town/town.osm" --trust "$out/trust" --validators 2 --capture "$out/drive.pcap" \
    --clock-rate 15 --clock-epoch "$start_time" --block-interval-ms 500 >"$out/init.log" 2>&1 || { cat "$out/init.log"; fail 'cell init'; }
for i in 1 2; do
    yaml=$out/cell/rsu$i/rsud.yaml
    sed -i -E "s|127\.0\.0\.1:710([01])|10.77.0.\1:7100|; s|10\.77\.0\.1:7100|10.77.0.2:7100|; s|10\.77\.0\.0:7100|10.77.0.1:7100|" "$yaml"
    sed -i '/^ports:/a\  - {kind: '"$kind"', interface: radio0}' "$yaml"
    cat >>"$yaml" <<END
radio:
  ticket: $out/trust.units/unit$i.cert
  ticket_key: $out/trust.units/unit$i.key
  issuer: $out/trust.units/issuer.cert
  place: 48.7601,11.4150
  reach_m: 100000
END
done
ns_of() { [ "$1" = 1 ] && echo "$a" || echo "$b"; }
for i in 1 2; do
    if ! ip netns exec "$(ns_of $i)" "$bin/rsud" --config "$out/cell/rsu$i/rsud.yaml" --check >"$out/rsu$i.log" 2>&1; then
        # What this machine refuses to everybody is no failure of ours.
        if grep -q 'af_xdp needs' "$out/rsu$i.log"; then
            echo "veth.sh: $kind: $(tail -n 1 "$out/rsu$i.log")"
            exit 77
        fi
        fail "unit $i: --check"
    fi
    ip netns exec "$(ns_of $i)" "$bin/rsud" --config "$out/cell/rsu$i/rsud.yaml" >>"$out/rsu$i.log" 2>&1 &
    pid[$i]=$!
done
# metric UNIT PATTERN: sum of the samples whose line matches
metric() {
    ip netns exec "$(ns_of "$1")" curl -s "http://127.0.0.1:$((8100 + $1 - 1))/metrics" | awk -v want="$2" '
        index($0, want) == 1 { sum += $NF } END { printf "%d\n", sum }'
}
deadline=$((SECONDS + 600))
while :; do
    [ $SECONDS -lt $deadline ] || fail "notices: $(metric 1 'wayside_admission_total{outcome="notice"}') and $(metric 2 'wayside_admission_total{outcome="notice"}')"
    for i in 1 2; do kill -0 "${pid[$i]}" 2>/dev/null || fail "unit $i stopped"; done
    sleep 1
    [ "$(metric 1 'wayside_admission_total{outcome="notice"}')" -ge 3 ] && [ "$(metric 2 'wayside_admission_total{outcome="notice"}')" -ge 3 ] && break
done
for i in 1 2; do
    [ "$(metric $i 'wayside_transmit_sent_total{kind="cam"}')" -ge 10 ] || fail "unit $i sent no CAM"
    [ "$(metric $i 'wayside_transmit_sent_total{kind="notice"}')" -ge 3 ] || fail "unit $i sent no notices"
    [ "$(metric $i 'wayside_frames_total{port="0",verdict="verified"}')" -ge 10 ] || fail "unit $i heard nothing good on the air"
    for bad in bad_signature spdu_malformed carrier_malformed profile cert_invalid no_permission; do
        [ "$(metric $i "wayside_frames_total{port=\"0\",verdict=\"$bad\"}")" -eq 0 ] || fail "unit $i heard $bad"
    done
done
echo "veth.sh: $kind: unit 1 verified $(metric 1 'wayside_frames_total{port="0",verdict="verified"}') live frames, unit 2 $(metric 2 'wayside_frames_total{port="0",verdict="verified"}')"

# Killed without a chance to tidy up the interface, a unit hears again once it is back.
kill -9 "${pid[2]}"
wait "${pid[2]}" 2>/dev/null
ip netns exec "$b" "$bin/rsud" --config "$out/cell/rsu2/rsud.yaml" >>"$out/rsu2.log" 2>&1 &
pid[2]=$!
deadline=$((SECONDS + 480))
until [ "$(metric 2 'wayside_frames_total{port="0",verdict="verified"}')" -ge 3 ]; do
    [ $SECONDS -lt $deadline ] || fail 'unit 2 is deaf after it was killed'
    kill -0 "${pid[2]}" 2>/dev/null || fail 'unit 2 does not start after it was killed'
    sleep 1
done
echo "veth.sh: $kind: unit 2 hears again after it was killed"

# The radio is pulled out of running units and put back, then stopped and started by order; the cell goes on.
state() { "$bin/rsuctl" port list --admin "$out/cell/rsu$1/admin.sock" | awk '$3 == "radio0" { print $4 }'; }
wait_for() { # WORDS COMMAND...: until the command says the words
    local want=$1 until=$((SECONDS + 240))
    shift
    while [ "$("$@")" != "$want" ]; do
        [ $SECONDS -lt $until ] || fail "$* says '$("$@")', not '$want'"
        sleep 0.2
    done
}
verified() { metric "$1" 'wayside_frames_total{port="0",verdict="verified"}'; }
hear_more() {
    local before until=$((SECONDS + 240))
    before=$(verified "$1")
    while [ "$(verified "$1")" -le "$before" ]; do
        [ $SECONDS -lt $until ] || fail "unit $1 hears nothing any more"
        sleep 0.2
    done
}
height=$(metric 1 'wayside_height')
ip -n "$a" link del radio0 || fail 'radio0 cannot be deleted'
for i in 1 2; do wait_for lost state $i; done
[ "$(ip netns exec "$a" curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1:8100/healthz)" = 503 ] || fail 'healthy without its radio'
ip link add radio0 netns "$a" type veth peer name radio0 netns "$b" || fail 'radio again'
for ns in "$a" "$b"; do ip -n "$ns" link set radio0 up; done
for i in 1 2; do wait_for up state $i; done
for i in 1 2; do hear_more $i; done
"$bin/rsuctl" port stop radio0 --admin "$out/cell/rsu1/admin.sock" >/dev/null || fail 'port stop'
[ "$(state 1)" = stopped ] || fail "stopped, but $(state 1)"
before=$(verified 1)
sleep 1
[ "$(verified 1)" = "$before" ] || fail 'a stopped port hears'
"$bin/rsuctl" port start 0 --admin "$out/cell/rsu1/admin.sock" >/dev/null || fail 'port start'
hear_more 1
"$bin/rsuctl" port stop 1 --admin "$out/cell/rsu1/admin.sock" >/dev/null 2>&1 && fail 'a capture was stopped'
"$bin/rsuctl" port stop eth7 --admin "$out/cell/rsu1/admin.sock" >/dev/null 2>&1 && fail 'a port that is not there was stopped'
[ "$(metric 1 'wayside_height')" -gt "$height" ] || fail 'the cell stood still'
echo "veth.sh: $kind: radios deleted and made again, stopped and started: reopened $(metric 1 'wayside_port_reopened_total{port="0"}') and $(metric 2 'wayside_port_reopened_total{port="0"}') times"
