#!/bin/bash
# A cell founded by one unit grows to five and orders its founder out. A unit that has then lost its data comes back by a
# snapshot of its peers, over all handovers since the genesis, of whose committee nobody is left; goes on from there, votes, and
# agrees with the others. usage: join_snapshot.sh PROGRAMS-FOLDER [BASE-PORT]
set -u
. "$(dirname "$0")/units.sh" "${1:-}" "${2:-}"

ctl cell init --out "$cell" --map "$repo/configs/demo/town.osm" --validators 1 --block-interval-ms 60 \
    --base-port "$base" --http-port "$http" >"$out/init.log" 2>&1 || { cat "$out/init.log"; fail 'cell init'; }
start 1
wait_for 30 'the founder makes blocks' at_least 1 3
one=$(addresses)
[ ${#one} -eq 64 ] || fail "the founder's address"

# Four more, each of which knows where all others are.
key=() link=() address=()
for i in 2 3 4 5; do
    ctl cell join --out "$cell/rsu$i" --like "$cell/rsu1/rsud.yaml" --bind "tcp://127.0.0.1:$((base + i - 1))" \
        --endpoint "tcp://127.0.0.1:$((base + i - 1))" --peer "$one=tcp://127.0.0.1:$base" \
        --http "127.0.0.1:$((http + i - 1))" >"$out/join.log" 2>&1 || { cat "$out/join.log"; fail 'cell join'; }
    address[$i]=$(joined_address)
    key[$i]=$(joined_key validator)
    link[$i]=$(joined_key link)
done
end 1
for i in 1 2 3 4 5; do
    yaml=$cell/rsu$i/rsud.yaml
    sed -i '/^peers:/,/^[^ ]/{/^peers:/d;/^  /d}' "$yaml"
    {
        echo 'peers:'
        echo "  - {address: $one, endpoint: \"tcp://127.0.0.1:$base\"}"
        for k in 2 3 4 5; do echo "  - {address: ${address[$k]}, endpoint: \"tcp://127.0.0.1:$((base + k - 1))\"}"; done
        echo 'followers:'
        for k in 2 3 4 5; do echo "  - {key: ${link[$k]}, endpoint: \"tcp://127.0.0.1:$((base + k - 1))\"}"; done
        echo 'disk: {snapshot_blocks: 40, snapshots: 3}'
    } >>"$yaml"
    "$bin/rsud" --config "$yaml" --check >"$out/check.log" 2>&1 || { cat "$out/check.log" "$yaml"; fail "the configuration of unit $i"; }
    start "$i"
done
order=(--genesis "$cell/genesis.bin" --key "$cell/authority/1.key" --admin "$cell/rsu1/admin.sock" --http "127.0.0.1:$http" --wait 240)
for i in 2 3 4 5; do
    wait_for 30 "unit $i follows" at_least "$i" 3
    ctl cell validators add --validator-key "${key[$i]}" --link-key "${link[$i]}" --owner "o$i" --mast "m$i" "${order[@]}" >"$out/add.log" 2>&1 ||
        { cat "$out/add.log"; fail "cell validators add $i"; }
    wait_for 30 "unit $i is a validator" committee "$i" "$i"
done
h=$(height 1)
wait_for 30 'all five sign' at_least 1 $((h + 4)) # before that one of four would go
ctl cell validators remove "$one" "${order[@]}" >"$out/remove.log" 2>&1 || { cat "$out/remove.log"; fail 'cell validators remove'; }
for i in 2 3 4 5; do wait_for 30 "unit $i knows that the founder has gone" committee "$i" 4; done
end 1
h=$(height 2)
wait_for 120 'snapshots of the new committee' at_least 2 $(((h / 40 + 2) * 40 + 5))
wait_for 120 'snapshots are worth it' at_least 2 125

data=$(sed -nE 's/^data: *//p' "$cell/rsu5/rsud.yaml")
data=$cell/rsu5/${data:-data}
# Whoever is left came after the genesis: the founder's line may go, and without a ledger it is the link keys in the file that count.
sed -i '/^peers:/,/^disk:/{/^disk:/!d}' "$cell/rsu5/rsud.yaml"
{
    echo 'peers:'
    for k in 2 3 4; do echo "  - {address: ${address[$k]}, endpoint: \"tcp://127.0.0.1:$((base + k - 1))\", key: ${link[$k]}}"; done
} >>"$cell/rsu5/rsud.yaml"
# First all of its data is gone; then the store alone, and the logs speak of heights that the snapshot does not reach.
for lost in "$data" "$data/store"; do
    end 5
    rm -rf "${lost:?}"
    : >"$out/rsu5.log"
    start 5
    h=$(height 2)
    wait_for 60 'unit 5 has caught up' at_least 5 $((h + 10))
    grep -q 'begun with the state after height' "$out/rsu5.log" || fail 'unit 5 did not begin with a snapshot'
    grep -q 'trusted up to the committee from height' "$out/rsu5.log" || fail 'unit 5 crossed no handover'
    [ "$(block 5 $((h + 5)))" = "$(block 2 $((h + 5)))" ] && [ -n "$(block 2 $((h + 5)))" ] || fail 'unit 5 has another block'
    [ -z "$(block 5 5)" ] || fail 'unit 5 has blocks of before the snapshot'
done
[ -f "$data/consensus-even.log.before-restore" ] || fail 'the logs of the lost store are not put aside'
# It is needed now: with another one gone, its vote makes the quorum.
end 2
h=$(height 5)
wait_for 60 'unit 5 votes' at_least 5 $((h + 10))
no_complaints
exit 0
