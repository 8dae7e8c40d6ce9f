#!/bin/bash
# rsuctl ledger as an operator uses it on a unit that stands still: a snapshot made, checked and put on a new unit; blocks taken
# back and executed again; where two states differ. Cells of one validator, so that one process is a quorum.
# usage: ledger.sh PROGRAMS-FOLDER
set -u
bin=$(cd "${1:?folder of programs}" && pwd)
root=$(cd "$(dirname "$0")/../.." && pwd)
out=$(mktemp -d)
unit=
cleanup() {
    [ -z "$unit" ] || kill "$unit" 2>/dev/null
    wait 2>/dev/null
    rm -rf "$out"
}
trap cleanup EXIT
cd "$out" || exit 1
bad=0
done=0
ctl=$bin/rsuctl

# expect CODE WORDS COMMAND...: exit code, and words (a pattern; empty: none) in what it prints
expect() {
    local code=$1 words=$2 got
    shift 2
    timeout 600 "$@" >log 2>&1
    got=$?
    done=$((done + 1))
    if [ $got -ne "$code" ] || { [ -n "$words" ] && ! grep -qE -- "$words" log; }; then
        echo "FAILED  $*"
        echo "        exit code $got, expected $code with '$words':"
        sed 's/^/        /' log | head -n 20
        bad=$((bad + 1))
    fi
}

# run NAME BLOCKS: a unit until it tells of so many blocks more, then stopped in order
told() { "$ctl" cell status --http "unix:$out/$1/rsu1/api.sock" --json 2>/dev/null | sed -nE 's/^  "height": ([0-9]+),/\1/p'; }
run() {
    local want='' now
    "$bin/rsud" --config "$1/rsu1/rsud.yaml" >>"$1.log" 2>&1 &
    unit=$!
    for _ in $(seq 6000); do
        now=$(told "$1")
        [ -z "$now" ] || want=${want:-$((now + $2))}
        [ -n "$want" ] && [ "${now:-0}" -ge "$want" ] && break
        kill -0 "$unit" 2>/dev/null || break
        sleep 0.1
    done
    kill "$unit" && wait "$unit"
    unit=
}

printf '\xd4\xc3\xb2\xa1\2\0\4\0\0\0\0\0\0\0\0\0\0\0\1\0\1\0\0\0' >quiet.pcap
. "$root/tests/integration/free_ports.sh"
free_ports port 16
found() {
    expect 0 'fingerprint' "$ctl" cell init --out "$1" --map "$root/configs/demo/town.osm" --name town --validators 1 \
        --seed "$2" --capture quiet.pcap --base-port $port --http-port $((port + 1)) --block-interval-ms 300
    sed -i "s/^http: .*/http: unix:api.sock/" "$1/rsu1/rsud.yaml"
    printf "disk:\n  snapshot_blocks: 3\n" >>"$1/rsu1/rsud.yaml"

}
found one 7
found other 8
data=one/rsu1/data
genesis=one/genesis.bin
# A mistyped folder: named, and nothing is made of it.
for verb in 'snapshot create' bundle 'rollback --blocks 1' 'replay --genesis one/genesis.bin --map one/base.wmap'; do
    # shellcheck disable=SC2086
    expect 3 'nowhere: No such file' "$ctl" ledger $verb nowhere
    # shellcheck disable=SC2086
    expect 3 'one: no data folder of a unit' "$ctl" ledger $verb one
done
expect 3 'one: no data folder of a unit' "$ctl" ledger diff one nowhere
[ ! -e nowhere ] && [ ! -e one/store ] || { echo 'a mistyped folder was made'; bad=$((bad + 1)); }
run one 10
[ -d "$data/store" ] || { cat one.log; exit 1; }

# ---- snapshots ----
own=
for _ in $(seq 10); do # written beside the blocks, so a slow disk has it later
    own=$(find "$data/snapshots" -name '*.wsnap' | sort | head -n 1)
    [ -z "$own" ] || break
    run one 10
done
expect 0 'every chunk holds' "$ctl" ledger snapshot verify "$own" --genesis "$genesis" # the unit made it while it ran
expect 0 'written to .*\.wsnap' "$ctl" ledger snapshot create "$data" --out snaps
snap=$(find snaps -name '*.wsnap')
expect 1 'is there already' "$ctl" ledger snapshot create "$data" --out snaps
expect 0 'state after height [0-9]+' "$ctl" ledger snapshot show "$snap"
id=$(sed -nE 's/.*committed by block [0-9]+, ([0-9a-f]{64})/\1/p' log)
height=$(sed -nE 's/^state after height ([0-9]+).*/\1/p' log)
expect 0 '"contracts"' "$ctl" ledger snapshot show "$snap" --json
expect 0 'every chunk holds' "$ctl" ledger snapshot verify "$snap" --genesis "$genesis"
expect 0 'every chunk holds' "$ctl" ledger snapshot verify "$snap" --block-id "$id"
expect 1 'of another cell than the genesis' "$ctl" ledger snapshot verify "$snap" --genesis other/genesis.bin
expect 1 'not the trusted one' "$ctl" ledger snapshot verify "$snap" --block-id "${id//[0-7]/8}"
expect 2 'is not 64 hex' "$ctl" ledger snapshot verify "$snap" --block-id 12
expect 2 'cannot vouch for itself' "$ctl" ledger snapshot verify "$snap"
expect 2 'none of create' "$ctl" ledger snapshot melt "$snap"
expect 3 'No such file' "$ctl" ledger snapshot show no.wsnap
cp "$snap" bent.wsnap
printf 'x' | dd of=bent.wsnap bs=1 seek=3000 conv=notrunc 2>/dev/null
expect 1 'bent.wsnap: .*(offset|chunk)' "$ctl" ledger snapshot verify bent.wsnap --genesis "$genesis"
expect 0 'restored into' "$ctl" ledger snapshot restore "$snap" --into fresh --genesis "$genesis"
expect 1 'holds blocks' "$ctl" ledger snapshot restore "$snap" --into "$data" --genesis "$genesis"
expect 0 'contract 3: the same' "$ctl" ledger diff fresh "$snap"
expect 0 'contract 1: the same' "$ctl" ledger diff "$data" fresh
expect 0 '"differs": false' "$ctl" ledger diff "$data" "$snap" --json

# ---- a unit whose store is lost goes on with the snapshot, and does not sign what it may have signed ----
cp -r one lost
rm -r lost/rsu1/data/store
expect 0 'restored into' "$ctl" ledger snapshot restore "$snap" --into lost/rsu1/data --block-id "$id"
[ -f lost/rsu1/data/consensus-even.log.before-restore ] || { echo 'the logs are not put aside'; bad=$((bad + 1)); }
expect 0 'contract 1: the same' "$ctl" ledger diff lost/rsu1/data "$snap"

# ---- killed at any time of that, it can be done again ----
for ms in 002 005 008 012 016 020 030 040 060 100; do
    rm -rf cut
    mkdir cut
    cp one/rsu1/data/consensus-*.log cut
    timeout -s KILL "0.$ms" "$ctl" ledger snapshot restore "$snap" --into cut --block-id "$id" >log 2>&1
    "$ctl" ledger snapshot restore "$snap" --into cut --block-id "$id" >log 2>&1 || grep -q 'holds blocks' log ||
        { cat log; echo "killed after $ms ms, not restored again"; bad=$((bad + 1)); }
    [ -f cut/consensus-even.log.before-restore ] && [ ! -e cut/consensus-even.log ] ||
        { echo "killed after $ms ms: the logs are not put aside"; bad=$((bad + 1)); }
    expect 0 'contract 1: the same' "$ctl" ledger diff cut "$snap"
done

# ---- replay ----
expect 0 'stored state is what these blocks make' "$ctl" ledger replay "$data" --genesis "$genesis" --map one/base.wmap
expect 0 'every root is the same' "$ctl" ledger replay "$data" --genesis "$genesis" --map one/base.wmap --to 2
grep -q 'stored state, of height [0-9]*, was not looked at' log || { echo 'a state not looked at is not told'; bad=$((bad + 1)); }
expect 3 'block 99999 is not here: the last one is' "$ctl" ledger replay "$data" --genesis "$genesis" --map one/base.wmap --to 99999
expect 1 'base.wmap' "$ctl" ledger replay "$data" --genesis "$genesis" --map "$genesis"

# ---- rollback ----
cp -r "$data" before
expect 2 'either --to-height or --blocks' "$ctl" ledger rollback "$data"
expect 0 "taken back from height [0-9]+ to $((height - 1))" "$ctl" ledger rollback "$data" --to-height $((height - 1))
expect 0 'contract 1: the same' "$ctl" ledger diff "$data" before
expect 1 'goes back to' "$ctl" ledger rollback "$data" --to-height 100000
expect 1 'keeps the undo records of 0 blocks' "$ctl" ledger rollback fresh --blocks 1
run one 10
grep -q 'were executed again' one.log || { echo 'blocks were not executed again'; tail -n 5 one.log; bad=$((bad + 1)); }
expect 0 'every root is the same' "$ctl" ledger replay "$data" --genesis "$genesis" --map one/base.wmap
expect 0 'contract 1: the same' "$ctl" ledger diff "$data" before

# ---- another history ----
expect 0 'wsdiverge' "$ctl" ledger bundle before
[ "$(stat -c %a before/*.wsdiverge)" = 600 ] || { echo 'a bundle that others may read'; bad=$((bad + 1)); }
expect 0 'contract 1: the same' "$ctl" ledger diff before/*.wsdiverge before
run other 10
expect 1 'contract [0-9] differs' "$ctl" ledger diff before other/rsu1/data
expect 1 'first key' "$ctl" ledger diff before other/rsu1/data
expect 3 'No such file' "$ctl" ledger diff before nowhere

# ---- the state of an older height: a unit that stopped long ago against one that went on ----
cp -r "$data" stopped
run one 25
expect 1 'only so many can be taken back' "$ctl" ledger rollback "$data" --to-height 1
expect 3 'no height in common: .*ledger replay .*--to [0-9]+ --out' "$ctl" ledger diff "$data" stopped
stopped_at=$(sed -nE 's/.*--to ([0-9]+) --out.*/\1/p' log)
replay=("$ctl" ledger replay "$data" --genesis "$genesis" --map one/base.wmap)
expect 0 "state after height $stopped_at written to back" "${replay[@]}" --to "$stopped_at" --out back
expect 0 'contract 3: the same' "$ctl" ledger diff back stopped
expect 0 '"name": "map"' "$ctl" ledger diff stopped back --json
expect 1 'back: is there already' "${replay[@]}" --to 2 --out back
expect 0 'state after height' "$ctl" ledger replay "$data" --genesis "$genesis" --from "$snap" --to "$stopped_at" --out later
expect 0 'contract 1: the same' "$ctl" ledger diff later back
expect 0 '"agrees": true' "$ctl" ledger replay "$data" --genesis "$genesis" --from "$snap" --json
expect 1 'another cell' "$ctl" ledger replay "$data" --genesis other/genesis.bin --map other/base.wmap
expect 2 '--map is needed' "$ctl" ledger replay "$data" --genesis "$genesis"

echo "$done calls, $bad wrong"
[ $bad -eq 0 ]
