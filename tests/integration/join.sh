#!/bin/bash
# A fifth unit joins a cell of four that runs: it follows, is ordered into the committee, votes; another is ordered out and votes
# no more; the cell goes on through both, and with one of the five dead.
# usage: join.sh PROGRAMS-FOLDER [BASE-PORT]
set -u
. "$(dirname "$0")/units.sh" "${1:-}" "${2:-}"
# signed UNIT ADDRESS: a commit of the last blocks that the unit has carries this signature
signed() {
    local h
    h=$(height "$1")
    for k in 1 2 3 4 5 6; do
        curl -s "http://127.0.0.1:$((http + $1 - 1))/v1/blocks/$((h - k))" | tr -d ' \n' | grep -oE '"signers":\[[^]]*\]' | grep -q "$2" && return 0
    done
    return 1
}

printf '\xd4\xc3\xb2\xa1\2\0\4\0\0\0\0\0\0\0\0\0\0\0\1\0\1\0\0\0' >"$out/quiet.pcap"
ctl cell init --out "$cell" --map "$repo/configs/demo/town.osm" --capture "$out/quiet.pcap" --block-interval-ms 300 \
    --base-port "$base" --http-port "$http" >"$out/init.log" 2>&1 || { cat "$out/init.log"; fail 'cell init'; }
for i in 1 2 3 4; do start $i; done
wait_for 20 'four units make blocks' at_least 1 5

# The new unit's own folder, after that of unit 2: where unit 2 is, its bind says, or nothing is written.
cp "$cell/rsu2/rsud.yaml" "$out/two.yaml"
sed -i "s|^bind:.*|bind: \"tcp://*:$((base + 1))\"|" "$cell/rsu2/rsud.yaml"
join=(--like "$cell/rsu2/rsud.yaml" --bind "tcp://127.0.0.1:$((base + 4))" --endpoint "tcp://127.0.0.1:$((base + 4))" --http "127.0.0.1:$((http + 4))")
ctl cell join --out "$cell/rsu5" "${join[@]}" >"$out/join.log" 2>&1
[ $? -eq 2 ] || fail 'a neighbour without a place is taken'
grep -qE -- '--peer [0-9a-f]{64}=tcp' "$out/join.log" || { cat "$out/join.log"; fail 'what is missing is not said'; }
[ ! -e "$cell/rsu5" ] || fail 'something was written before the question'
mv "$out/two.yaml" "$cell/rsu2/rsud.yaml"
ctl cell join --out "$cell/rsu5/" "${join[@]}" >"$out/join.log" 2>&1 || { cat "$out/join.log"; fail 'cell join'; }
grep -q -- '--genesis .*genesis.bin' "$out/join.log" || { cat "$out/join.log"; fail 'the order that is printed lacks the genesis'; }
grep -q '//rsud.yaml' "$out/join.log" && { cat "$out/join.log"; fail 'a path with two slashes'; }
grep -q 'not among its peers' "$out/join.log" && { cat "$out/join.log"; fail 'an endpoint is missing'; }
[ "$(stat -c %a "$cell/rsu5/validator.key")" = 600 ] || fail 'the key may be read by others'
ctl cell join --out "$cell/rsu5" --like "$cell/rsu2/rsud.yaml" --bind tcp://127.0.0.1:1 --endpoint tcp://127.0.0.1:1 >/dev/null 2>&1
[ $? -eq 1 ] || fail 'cell join writes over a unit'
address=$(joined_address)
key=$(joined_key validator)
link=$(joined_key link)
[ ${#address} -eq 64 ] && [ ${#key} -eq 64 ] && [ ${#link} -eq 64 ] || { cat "$out/join.log"; fail 'what cell join says'; }

# As it says: every unit learns of the newcomer while it runs.
for i in 1 2 3 4; do
    peer=$(grep -oE -m1 -- '- \{address: .*key: [0-9a-f]{64}\}' "$out/join.log")
    sed -i "s|^peers:|peers:\n  $peer|" "$cell/rsu$i/rsud.yaml"
    "$bin/rsud" --config "$cell/rsu$i/rsud.yaml" --check >"$out/check.log" 2>&1 || { cat "$out/check.log"; fail "the configuration of unit $i"; }
    kill -HUP "${pid[$i]}"
done
start 5
h=$(height 1)
wait_for 30 'the new unit follows' at_least 5 "$h"
ctl cell status --http "127.0.0.1:$http" | grep -qE "^follower: link key ${link:0:16}.*height [0-9]+" || fail 'another unit does not see it follow'
signed 1 "$address" && fail 'it votes before anybody ordered so'

order=(--genesis "$cell/genesis.bin" --key "$cell/authority/1.key" --admin "$cell/rsu1/admin.sock" --http "127.0.0.1:$http" --wait 240)
ctl cell validators add --validator-key "$key" --link-key "$link" --owner five --mast five "${order[@]}" >"$out/add.log" 2>&1 ||
    { cat "$out/add.log"; fail 'cell validators add'; }
for i in 1 2 3 4 5; do wait_for 20 "unit $i knows five validators" committee $i 5; done
wait_for 20 'the new validator signs' signed 1 "$address"

# Four of five are a quorum.
kill -9 "${pid[4]}"
h=$(height 1)
wait_for 60 'the cell goes on without one of five' at_least 1 $((h + 10))
wait_for 30 'the new validator is where the others are' at_least 5 $((h + 10))

# The dead one is ordered out; four again, and all of them sign.
four=$(addresses | while read -r a; do signed 1 "$a" || echo "$a"; done | head -n 1)
[ ${#four} -eq 64 ] || fail 'everybody signs, even who is dead'
ctl cell validators remove "$four" "${order[@]}" >"$out/remove.log" 2>&1 || { cat "$out/remove.log"; fail 'cell validators remove'; }
for i in 1 2 3 5; do wait_for 20 "unit $i knows four validators" committee $i 4; done
h=$(height 1)
wait_for 30 'blocks after the removal' at_least 5 $((h + 5))
# A fifth of a quorum of four: the next one would stop the cell, and is refused.
ctl cell validators remove "$address" "${order[@]}" >"$out/few.log" 2>&1
[ $? -eq 1 ] || { cat "$out/few.log"; fail 'the cell lets itself be made too small'; }
grep -q 'too_few' "$out/few.log" || { cat "$out/few.log"; fail 'the reason is not named'; }

for i in 1 2 3 5; do end $i; done
no_complaints
exit 0
