#!/bin/bash
# A running unit whose disk fails under it: a write or a sync of log or store gives EIO or ENOSPC, once or from then on. The unit
# stops and names the file; nothing that it told is lost, and it starts again when the disk works. A snapshot that cannot be
# written stops nobody. Then kill -9 in a loop. Cell of one validator. usage: faults.sh PROGRAMS-FOLDER BADFS-LIBRARY
set -u
bin=$(cd "${1:?folder of programs}" && pwd)
badfs=$(realpath "${2:?library}")
root=$(cd "$(dirname "$0")/../.." && pwd)
if ldd "$bin/rsud" | grep -qE 'lib(a|t|ub)san'; then
    echo 'skipped: a sanitizer wants to be loaded first'
    exit 77
fi
out=$(mktemp -d)
unit=
cleanup() {
    [ -z "$unit" ] || kill -9 "$unit" 2>/dev/null
    wait 2>/dev/null
    rm -rf "$out"
}
trap cleanup EXIT
cd "$out" || exit 1
bad=0
cases=0
ctl=$bin/rsuctl
wrong() {
    echo "WRONG  $*"
    tail -n 4 unit.log | sed 's/^/       /'
    bad=$((bad + 1))
}

. "$root/tests/integration/free_ports.sh"
free_ports port 16
printf '\xd4\xc3\xb2\xa1\2\0\4\0\0\0\0\0\0\0\0\0\0\0\1\0\1\0\0\0' >quiet.pcap
"$ctl" cell init --out cell --map "$root/configs/demo/town.osm" --name town --validators 1 --seed 5 --capture quiet.pcap \
    --base-port $port --http-port $((port + 1)) --block-interval-ms 50 >unit.log 2>&1 || { cat unit.log; exit 1; }
sed -i 's/^http: .*/http: unix:api.sock/' cell/rsu1/rsud.yaml
printf 'disk:\n  snapshot_blocks: 10\n' >>cell/rsu1/rsud.yaml
http=unix:$out/cell/rsu1/api.sock
told() { "$ctl" cell status --http "$http" --json 2>/dev/null | sed -nE 's/^  "height": ([0-9]+),/\1/p'; }
start() { "$bin/rsud" --config cell/rsu1/rsud.yaml >unit.log 2>&1 & unit=$!; }
highest=0
# note: what clients have been told
note() { local h; h=$(told); [ -n "$h" ] && [ "$h" -gt "$highest" ] && highest=$h; }
# reach N: waits until the unit tells of N more blocks than anybody was told of
reach() {
    local want=$((highest + $1))
    for _ in $(seq 3000); do
        note
        [ "$highest" -ge "$want" ] && return 0
        kill -0 "$unit" 2>/dev/null || return 1
        sleep 0.05
    done
    return 1
}
stop() { kill "$unit" 2>/dev/null; wait "$unit"; unit=; }
# recovers WHAT: the disk works again
recovers() {
    local before=$highest
    start
    reach 3 || wrong "$1: the unit does not go on"
    local now
    now=$(told)
    [ "${now:-0}" -gt "$before" ] || wrong "$1: blocks that were told of are lost ($before, $now)"
    stop
}
# dies WORDS PLAN: the unit stops by itself with 3 and says WORDS
dies() {
    cases=$((cases + 1))
    BADFS=$2 LD_PRELOAD=$badfs "$bin/rsud" --config cell/rsu1/rsud.yaml >unit.log 2>&1 &
    unit=$!
    # Nothing of the cell is in the file of options that RocksDB writes at each start; a unit lives without it.
    for _ in $(seq 3000); do
        note
        kill -0 "$unit" 2>/dev/null || break
        ! grep -q '^badfs: .*/OPTIONS-' unit.log || { sleep 2; break; }
        sleep 0.05
    done
    if kill -0 "$unit" 2>/dev/null; then
        grep -q '^badfs: .*/OPTIONS-' unit.log || wrong "$2: the unit goes on"
        stop
    else
        wait "$unit"
        local code=$?
        unit=
        # Debian's RocksDB ends the process by an assertion of its own when its list of files cannot be written.
        [ $code -eq 3 ] || { [ $code -eq 134 ] && grep -q 'rocksdb::.*Assertion' unit.log; } ||
            wrong "$2: exit code $code"
        grep -qE -- "$1" unit.log || wrong "$2: says nothing like '$1'"
        grep -q '^badfs: ' unit.log || wrong "$2: the fault was not reached"
    fi
    recovers "$2"
}

start
reach 5 || { cat unit.log; exit 1; }
stop
EIO=5
ENOSPC=28
for n in 1 2 7; do
    dies 'consensus-(even|odd).log' "sync:$n:$EIO:once:consensus-"
    dies 'consensus-(even|odd).log' "write:$n:$ENOSPC:on:consensus-"
    dies 'store' "sync:$((n + 2)):$EIO:once:data/store/"
    dies 'store' "write:$((n * 3)):$ENOSPC:on:data/store/"
done
dies 'consensus-(even|odd).log' "rename:3:$EIO:once:consensus-"
dies 'consensus-(even|odd).log' "write:4:$EIO:once:consensus-"

# A snapshot that finds no room is missing, and nothing else.
cases=$((cases + 1))
BADFS=write:1:$ENOSPC:on:snapshots/ LD_PRELOAD=$badfs "$bin/rsud" --config cell/rsu1/rsud.yaml >unit.log 2>&1 &
unit=$!
reach 25 || wrong 'the unit does not go on without a snapshot'
for _ in $(seq 1000); do grep -q 'no snapshot: .*No space' unit.log && break; sleep 0.1; done
grep -q 'no snapshot: .*No space' unit.log || wrong 'says nothing of the snapshot'
stop
recovers 'after a snapshot that failed'

# The plug is pulled again and again.
for i in $(seq 8); do
    cases=$((cases + 1))
    start
    sleep 0.$((i * 7 % 10 + 2))
    note
    kill -9 "$unit"
    wait "$unit" 2>/dev/null
    unit=
    recovers "kill -9 number $i"
done
"$ctl" ledger replay cell/rsu1/data --genesis cell/genesis.bin --map cell/base.wmap >unit.log 2>&1 || wrong 'replay'

# No room: the unit does not even open what it could not close.
cases=$((cases + 1))
sed -i 's/^  snapshot_blocks: 10/&\n  reserve_mb: 1000000000/' cell/rsu1/rsud.yaml
start
wait "$unit"
[ $? -eq 3 ] || wrong 'starts without room'
unit=
grep -q 'make room' unit.log || wrong 'does not say that there is no room'

echo "$cases faults, $bad wrong, $highest blocks"
[ $bad -eq 0 ]
