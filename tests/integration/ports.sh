#!/bin/bash
# One roadside unit with an interface of its own making (tap) and a port that hears itself (ring), in a network namespace of
# the test's own: what the kernel sends into the one is counted by its verdict, and on the other the unit's own signed messages
# come back verified. And what `rsud --check` says of ports that cannot be had. Needs root. usage: ports.sh PROGRAMS-FOLDER
set -u
bin=${1:?folder of programs}
repo=$(cd "$(dirname "$0")/../.." && pwd)
town=$repo/configs/demo
ns=ws-p-$$
if ! ip netns add "$ns" 2>/dev/null; then
    echo 'ports.sh: no network namespaces for this user'
    exit 77
fi
out=$(mktemp -d)
pid=
stop() {
    [ -n "$pid" ] && kill "$pid" 2>/dev/null
    wait 2>/dev/null
    ip netns del "$ns" 2>/dev/null
    rm -rf "$out"
}
trap stop EXIT
fail() {
    echo "ports.sh: $1"
    tail -n 5 "$out"/rsu.log
    exit 1
}
if [ ! -c /dev/net/tun ]; then
    echo 'ports.sh: no /dev/net/tun on this machine'
    exit 77
fi
ip -n "$ns" link set lo up
start_time=2026-06-01T08:00:00Z
"$bin/obusim" --map "$town/town.osm" --world "$town/town-world.osm" --vehicles 2 --cam-hz 1 --duration 5 --seed 7 \
    --start "$start_time" --units 1 --pki "$out/trust" --out "$out/drive.pcap" >/dev/null || fail 'obusim'
"$bin/rsuctl" cell init --out "$out/cell" --map "$town/town.osm" --trust "$out/trust" --validators 1 --capture "$out/drive.pcap" \
    --clock-rate 1 --clock-epoch "$start_time" >"$out/rsu.log" 2>&1 || fail 'cell init'
yaml=$out/cell/rsu1/rsud.yaml
sed -i '/^ports:/,/^[a-z]/{/^  /d}' "$yaml"
cp "$yaml" "$out/base.yaml"
in_ns() { ip netns exec "$ns" "$@"; }

# says PORT WORDS: --check refuses the port and says so
says() {
    sed "s|^ports:.*|ports: [$1]|" "$out/base.yaml" >"$yaml"
    if in_ns "$bin/rsud" --config "$yaml" --check >"$out/rsu.log" 2>&1; then fail "--check is content with $1"; fi
    grep -q -- "$2" "$out/rsu.log" || fail "--check of $1 does not say '$2'"
}
says '{kind: af_packet, interface: absent0}' 'absent0: No such device'
says '{kind: af_xdp, interface: absent0}' 'absent0: No such device'
says '{kind: tap, interface: lo}' 'lo: it is there already'
says '{kind: nic, device: "ffff:ff:1f.7"}' 'no such PCI device'
says '{kind: nic, interface: lo}' 'kind: nic lacks device; needed: device; allowed: ring_frames, buffers, workers'
says '{kind: tun, interface: lo}' 'allowed: capture, af_packet, af_xdp, tap, ring, nic'

sed "s|^ports:.*|ports: [{kind: tap, interface: wstap0}, {kind: ring}]|" "$out/base.yaml" >"$yaml"
cat >>"$yaml" <<END
radio:
  port: 2
  ticket: $out/trust.units/unit1.cert
  ticket_key: $out/trust.units/unit1.key
  issuer: $out/trust.units/issuer.cert
  place: 48.7601,11.4150
END
in_ns "$bin/rsud" --config "$yaml" --check >"$out/rsu.log" 2>&1 || fail '--check'
ip netns exec "$ns" "$bin/rsud" --config "$yaml" >>"$out/rsu.log" 2>&1 &
pid=$!
metric() {
    in_ns curl -s http://127.0.0.1:8100/metrics | awk -v want="$1" 'index($0, want) == 1 { sum += $NF } END { printf "%d\n", sum }'
}
deadline=$((SECONDS + 480))
until in_ns ip link show wstap0 >/dev/null 2>&1; do
    [ $SECONDS -lt $deadline ] || fail 'no interface was made'
    kill -0 "$pid" 2>/dev/null || fail 'rsud stopped'
    sleep 0.2
done
in_ns ip addr add 10.78.0.1/24 dev wstap0
until [ "$(metric 'wayside_frames_total{port="0"')" -ge 3 ] && [ "$(metric 'wayside_frames_total{port="1",verdict="verified"}')" -ge 2 ]; do
    [ $SECONDS -lt $deadline ] ||
        fail "tap: $(metric 'wayside_frames_total{port="0"') frames; ring: $(metric 'wayside_frames_total{port="1",verdict="verified"}') verified"
    kill -0 "$pid" 2>/dev/null || fail 'rsud stopped'
    # The kernel asks who has the address.
    in_ns bash -c 'echo hello >/dev/udp/10.78.0.2/9' 2>/dev/null
    sleep 0.5
done
[ "$(metric 'wayside_frames_total{port="0",verdict="verified"}')" -eq 0 ] || fail 'the kernel signs messages?'
echo "ports.sh: tap heard $(metric 'wayside_frames_total{port="0"'), ring verified $(metric 'wayside_frames_total{port="1",verdict="verified"}')"
kill "$pid"
wait "$pid"; rc=$?; [ $rc = 0 ] || fail "rsud did not end well: $rc"
pid=
in_ns ip link show wstap0 >/dev/null 2>&1 && fail 'the interface outlives its maker'
exit 0
