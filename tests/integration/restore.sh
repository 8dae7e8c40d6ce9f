#!/bin/bash
# Four units; one loses its disk while the others go on. It is restored from a snapshot that another unit made while it ran,
# starts, fetches what followed, and votes: without it and one more there is no quorum. usage: restore.sh PROGRAMS-FOLDER
set -u
bin=$(cd "${1:?folder of programs}" && pwd)
root=$(cd "$(dirname "$0")/../.." && pwd)
out=$(mktemp -d)
declare -A unit
cleanup() {
    for n in "${!unit[@]}"; do kill -9 "${unit[$n]}" 2>/dev/null; done
    wait 2>/dev/null
    rm -rf "$out"
}
trap cleanup EXIT
cd "$out" || exit 1
ctl=$bin/rsuctl
fail() {
    echo "FAILED  $*"
    tail -n 4 rsu*.log | sed 's/^/        /'
    exit 1
}
. "$root/tests/integration/free_ports.sh"
free_ports port 16
printf '\xd4\xc3\xb2\xa1\2\0\4\0\0\0\0\0\0\0\0\0\0\0\1\0\1\0\0\0' >quiet.pcap
"$ctl" cell init --out cell --map "$root/configs/demo/town.osm" --name town --validators 4 --seed 6 --capture quiet.pcap \
    --base-port $port --http-port $((port + 10)) --block-interval-ms 100 >log 2>&1 || { cat log; exit 1; }
for n in 1 2 3 4; do
    sed -i 's/^http: .*/http: unix:api.sock/' "cell/rsu$n/rsud.yaml"
    printf 'disk:\n  snapshot_blocks: 10\n' >>"cell/rsu$n/rsud.yaml"
done
start() { "$bin/rsud" --config "cell/rsu$1/rsud.yaml" >>"rsu$1.log" 2>&1 & unit[$1]=$!; }
stop() { kill "${unit[$1]}"; wait "${unit[$1]}"; unset "unit[$1]"; }
told() { "$ctl" cell status --http "unix:$out/cell/rsu$1/api.sock" --json 2>/dev/null | sed -nE 's/^  "height": ([0-9]+),/\1/p'; }
# reach UNIT HEIGHT
reach() {
    local now
    for _ in $(seq 9000); do
        now=$(told "$1")
        [ "${now:-0}" -ge "$2" ] && return 0
        kill -0 "${unit[$1]}" 2>/dev/null || fail "unit $1 ended"
        sleep 0.1
    done
    fail "unit $1 does not reach height $2 (${now:-nothing})"
}
for n in 1 2 3 4; do start $n; done
reach 4 15
stop 4
rm -rf cell/rsu4/data
# Chunks of one height are the same everywhere.
height=$(told 1)
next=$((height / 10 * 10 + 10))
reach 1 $((next + 2))
name=$(printf '%020d.wsnap' "$next")
for _ in $(seq 3000); do
    [ -f "cell/rsu1/data/snapshots/$name" ] && [ -f "cell/rsu2/data/snapshots/$name" ] && break
    sleep 0.1
done
for n in 1 2; do
    "$ctl" ledger snapshot show "cell/rsu$n/data/snapshots/$name" --json 2>log | grep '"id"' >"id$n" || { cat log; fail 'no snapshot'; }
done
cmp -s id1 id2 || fail 'two units made two snapshots of one height'
snap=cell/rsu1/data/snapshots/$name
cp "$snap" taken.wsnap
"$ctl" ledger snapshot restore taken.wsnap --into cell/rsu4/data --genesis cell/genesis.bin >log 2>&1 || { cat log; fail 'restore'; }
start 4
at=$(told 1)
reach 4 $((at + 5))
grep -q "height $next" rsu4.log || fail 'unit 4 did not begin at the snapshot'
# Three of four are a quorum only with unit 4 among them.
stop 2
at=$(told 1)
reach 1 $((at + 10))
reach 4 $((at + 10))
for n in 1 3 4; do stop $n; done
"$ctl" ledger diff cell/rsu1/data cell/rsu4/data >log 2>&1 || { cat log; fail 'the state of unit 4 is another'; }
"$ctl" ledger replay cell/rsu4/data --genesis cell/genesis.bin --from taken.wsnap >log 2>&1 || { cat log; fail 'replay'; }
echo "joined at $next: $(cat log)"
