#!/bin/bash
# A unit of four is damaged in each of its files, one after the other: it says what is damaged and what can be typed, that is typed
# as it stands, and the unit comes back. What only reads a data folder does so while units run on it.
# usage: damage.sh PROGRAMS-FOLDER TOOLS-FOLDER [BASE-PORT]
set -u
. "$(dirname "$0")/units.sh" "${1:-}" "${3:-}"
tools=${2:?folder of tools}
ctl cell init --out "$cell" --map "$town/town.osm" --block-interval-ms 200 --base-port "$base" --http-port "$http" \
    >"$out/said" 2>&1 || fail 'cell init'
data=$cell/rsu4/data
echo "sign_counter: file:$out/counter" >>"$cell/rsu4/rsud.yaml"
for i in 1 2 3 4; do start $i; done
wait_for 60 'height 8 on unit 4' at_least 4 8

# ---- units that run ----
wait_for 60 'a snapshot of a running unit' ctl ledger snapshot create "$cell/rsu1/data" --out "$out/snaps"
ctl ledger snapshot verify "$out"/snaps/*.wsnap --genesis "$cell/genesis.bin" >"$out/said" 2>&1 || fail 'verify'
ctl ledger bundle "$cell/rsu2/data" --out "$out/now.wsdiverge" >"$out/said" 2>&1 || fail 'bundle'
ctl ledger diff "$cell/rsu1/data" "$cell/rsu2/data" >"$out/said" 2>&1 || fail 'diff'
ctl ledger replay "$cell/rsu3/data" --genesis "$cell/genesis.bin" --map "$cell/base.wmap" --to 5 --out "$out/five" >"$out/said" 2>&1 ||
    fail 'replay'
ctl ledger rollback "$cell/rsu1/data" --blocks 1 >"$out/said" 2>&1
[ $? -eq 3 ] && grep -q 'stop the unit first' "$out/said" || fail 'rollback of a unit that runs'
ctl ledger snapshot restore "$out"/snaps/*.wsnap --into "$cell/rsu1/data" --genesis "$cell/genesis.bin" >"$out/said" 2>&1
[ $? -eq 3 ] && grep -q 'stop the unit first' "$out/said" || fail 'restore into a unit that runs'

# back WORDS: unit 4 does not start and says them; what it says is typed; it is there again and votes
back() {
    "$bin/rsud" --config "$cell/rsu4/rsud.yaml" >"$out/said" 2>&1
    [ $? -eq 3 ] || fail "it starts, with: $1"
    grep -qE -- "$1" "$out/said" || fail "it does not say: $1"
    local command
    command=$(grep -oE "(^  |: )(rm (-f )?|mv )$2[^;]*" "$out/said" | tail -n 1)
    [ -n "$command" ] || fail "it names no command: $1"
    eval "${command#: }" || fail "the command fails: $command"
    : >"$out/said"
    start 4
    wait_for 60 "unit 4 after: $1" at_least 4 $(($(height 1) + 3))
    end 3
    wait_for 60 "the vote of unit 4 after: $1" at_least 4 $(($(height 1) + 4))
    start 3
}
scribble() { printf 'scribble' | dd of="$1" bs=1 seek="$2" conv=notrunc 2>/dev/null; } # FILE OFFSET

end 4
rm "$data/store/CURRENT"
back 'store is damaged: .*CURRENT is missing.*Keys, consensus logs and snapshots are not touched' "$data"
rm -rf "$data.damaged"
end 4
scribble "$(find "$data/store" -name 'MANIFEST-*')" 10
back 'the store is damaged: .*Keys, consensus logs and snapshots are not touched' "$data"
end 4
scribble "$data/consensus-even.log" 0
back 'not a consensus log, or damaged at offset 0; blocks and state in the store are safe' "$data"
end 4
scribble "$data/consensus-odd.log" 12
back 'damaged in the first 20 octets; blocks and state in the store are safe' "$data"
end 4
scribble "$data/sign-guard" 20
back 'sign-guard: damaged.* Blocks and state are safe' "$data"
end 4
echo 'no number' >"$out/counter"
"$bin/rsud" --config "$cell/rsu4/rsud.yaml" >"$out/said" 2>&1
[ $? -eq 3 ] && grep -q "sign_counter: $out/counter: not a counter. Blocks, state and keys are safe.*rm -f $data/sign-guard" "$out/said" ||
    fail 'the counter is not named'
rm "$out/counter"
back 'sign-guard: belongs to another machine .*Nothing is damaged' "$data"
# A store that lost blocks which the logs know of: what is typed last brings it back.
end 4
mkdir "$out/old"
rm -rf "$data.damaged"
cp -r "$data/store" "$out/old/"
start 4
wait_for 60 'unit 4 goes on' at_least 4 $(($(height 1) + 6))
kill -9 "${pid[4]}"
wait "${pid[4]}" 2>/dev/null
rm -rf "$data/store"
cp -r "$out/old/store" "$data/"
back 'the store lost blocks, the log is whole' "$data"
# The state alone, under whole blocks: which it is, where it differs from a unit that has gone on, and back.
end 4
says() { # CODE PATTERN COMMAND...
    local code=$1 words=$2
    shift 2
    "$@" >"$out/said" 2>&1
    [ $? -eq "$code" ] && grep -qE -- "$words" "$out/said" || fail "$*: not $code with '$words'"
}
blocks=(--genesis "$cell/genesis.bin" --map "$cell/base.wmap")
says 0 'the stored state is what these blocks make' ctl ledger replay "$data" "${blocks[@]}"
read -r h _ key < <("$tools/bend_state" "$data" --damage) || fail 'bend_state'
wait_for 60 'the others to go on' at_least 1 $((h + 20))
says 3 "of height $h(; | is damaged, )blocks up to there are safe" "$bin/rsud" --config "$cell/rsu4/rsud.yaml"
grep -q "^  rsuctl ledger replay $data --genesis .*genesis.bin --map base.wmap\$" "$out/said" || fail 'replay is not named'
grep -q "^  rsuctl ledger rollback $data --blocks 1\$" "$out/said" || fail 'rollback is not named'
says 1 'every root is the same' ctl ledger replay "$data" "${blocks[@]}"
grep -q 'the stored state is not what these blocks make: it is damaged, the blocks are not' "$out/said" || fail 'the state is not named'
says 3 "ledger replay $cell/rsu1/data .*--to $h --out" ctl ledger diff "$data" "$cell/rsu1/data"
says 0 "state after height $h written" ctl ledger replay "$cell/rsu1/data" "${blocks[@]}" --to "$h" --out "$out/then"
says 1 "first key: $key" ctl ledger diff "$data" "$out/then"
says 0 'taken back' ctl ledger rollback "$data" --blocks 1
says 0 'the stored state is what these blocks make' ctl ledger replay "$data" "${blocks[@]}"
start 4
wait_for 60 'unit 4 after a rollback' at_least 4 $(($(height 1) + 3))
for i in 1 2 3 4; do end $i; done
no_complaints
exit 0
