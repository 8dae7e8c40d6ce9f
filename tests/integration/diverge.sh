#!/bin/bash
# A unit of four executed a block wrongly. It stops by itself when the cell commits to another state, and writes the bundle: block,
# policy, software, keys. Against another unit's folder the bundle gives the first differing key; replay names the block; rollback
# takes it back, as the message says; the unit is a validator again. usage: diverge.sh PROGRAMS-FOLDER TOOLS-FOLDER [BASE-PORT]
set -u
tools=${2:?folder of tools}
. "$(dirname "$0")/units.sh" "${1:-}" "${3:-}"
reach() { # UNIT HEIGHT SECONDS
    local deadline=$((SECONDS + PATIENCE * $3))
    until at_least "$1" "$2"; do
        [ $SECONDS -lt $deadline ] || fail "unit $1 is not at height $2 in time: $(height "$1")"
        sleep 0.3
    done
}
# says CODE PATTERN COMMAND...: the command ends with the code and says what the pattern finds
says() {
    local want=$1 pattern=$2
    shift 2
    "$@" >"$out/said" 2>&1
    local code=$?
    [ $code -eq "$want" ] || fail "$*: exit $code, not $want"
    grep -qE -- "$pattern" "$out/said" || fail "$*: says nothing like '$pattern'"
}

ctl cell init --out "$cell" --map "$repo/configs/demo/town.osm" --block-interval-ms 200 --base-port "$base" --http-port "$http" \
    >"$out/said" 2>&1 || fail 'cell init'
for i in 1 2 3 4; do
    echo 'node: {undo_blocks: 4096}' >>"$cell/rsu$i/rsud.yaml"
    start $i
done
reach 4 12 60
end 4
cp -r "$cell/rsu4/data" "$out/before"
read -r h contract key < <("$tools/bend_state" "$cell/rsu4/data") || fail 'bend_state'
says 0 'same' ctl ledger diff "$cell/rsu4/data" "$cell/rsu4/data"
says 1 "first key: $key" ctl ledger diff "$cell/rsu4/data" "$out/before"
reach 1 $((h + 5)) 60

# It stops by itself.
start 4
deadline=$((SECONDS + PATIENCE * 60))
while kill -0 "${pid[4]}" 2>/dev/null; do
    [ $SECONDS -lt $deadline ] || fail 'unit 4 goes on with another state'
    sleep 0.2
done
wait "${pid[4]}"
[ $? -eq 3 ] || fail 'unit 4 did not stop as one that must'
pid[4]=
bundle=$cell/rsu4/data/divergence-$h.wsdiverge
grep -q "a quorum committed block $((h + 1)), which is invalid here: .*state or software differs" "$out/rsu4.log" || fail 'the reason is not named'
grep -qF "written down in " "$out/rsu4.log" || fail 'the bundle is not named'
grep -qE 'rsuctl ledger diff.*rsuctl ledger rollback .* --blocks 1' "$out/rsu4.log" || fail 'the commands are not named'
[ "$(stat -c %a "$bundle")" = 600 ] || fail 'no bundle, or one that others may read'
[ "$(height 1)" -gt "$h" ] || fail 'the cell stood still'

# What it says: against another unit's folder, and by itself.
end 3
says 1 "first key: $key" ctl ledger diff "$bundle" "$cell/rsu3/data"
grep -q "^state after height $h\$" "$out/said" || fail 'another height'
grep -q "contract $contract differs" "$out/said" || fail 'another contract'
[ "$(grep -cE 'contract [0-9]+ differs' "$out/said")" -eq 1 ] || fail 'more than one contract differs'
policy=$(ctl policy show --http "127.0.0.1:$http" --json | tr -d ' \n' | grep -oE '"(script_)?hash":"[0-9a-f]{64}"' | head -n 1 | grep -oE '[0-9a-f]{64}')
[ ${#policy} -eq 64 ] || fail 'no policy hash'
grep -q "^A: rsud [0-9.]*, policy $policy: a quorum committed block $((h + 1))" "$out/said" || fail "software, policy $policy and reason are not told"
start 3

# Every block executed again: the last one comes out otherwise than it is recorded here. Then as the message says.
says 1 "$h" ctl ledger replay "$cell/rsu4/data" --genesis "$cell/genesis.bin" --map "$cell/base.wmap"
says 0 "taken back from height $h to $((h - 1))" ctl ledger rollback "$cell/rsu4/data" --blocks 1
says 0 'every root is the same' ctl ledger replay "$cell/rsu4/data" --genesis "$cell/genesis.bin" --map "$cell/base.wmap"
: >"$out/rsu4.log"
start 4
now=$(height 1)
reach 4 $((now + 5)) 60
reach 3 $((now + 5)) 60
[ "$(block 4 $((h + 1)))" = "$(block 1 $((h + 1)))" ] && [ -n "$(block 1 $((h + 1)))" ] || fail 'unit 4 has another block'
# Its vote is needed: with another one gone the cell goes on.
end 1
now=$(height 4)
reach 4 $((now + 5)) 60
for i in 2 3 4; do end $i; done
says 0 'contract 1: the same' ctl ledger diff "$cell/rsu4/data" "$cell/rsu2/data"
grep -qiE 'contradict|AddressSanitizer|runtime error' "$out"/rsu*.log && fail 'a log tells of something bad'
exit 0
