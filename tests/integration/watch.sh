#!/bin/bash
# A unit hears a drive, and a map provider follows its map: stopped in the middle, started again, never a version left out or
# given twice; what it has is what the unit offers as a whole, and every proof holds. usage: watch.sh PROGRAMS-FOLDER
set -eu
bin=$(cd "${1:?folder of programs}" && pwd)
town=$(cd "$(dirname "$0")/../../configs/demo" && pwd)
out=$(mktemp -d)
pids=()
cleanup() {
    [ ${#pids[@]} -eq 0 ] || kill "${pids[@]}" 2>/dev/null || true
    wait 2>/dev/null || true
    rm -rf "$out"
}
trap cleanup EXIT
cd "$out"
ctl=$bin/rsuctl
fail() {
    echo "$1"
    tail -n 5 ./*.log 2>/dev/null
    exit 1
}

start=2026-06-01T08:00:00Z
"$bin/obusim" --map "$town/town.osm" --world "$town/town-world.osm" --vehicles 20 --duration 420 --change-at 60 --seed 7 \
    --start $start --pki trust --out drive.pcap >obusim.log
. "$town/../../tests/integration/free_ports.sh"
free_ports port 16
"$ctl" cell init --out cell --map "$town/town.osm" --trust trust --validators 1 --clock-rate 15 --clock-epoch $start \
    --capture drive.pcap --block-interval-ms 100 --base-port $port --http-port $((port + 1)) >init.log
# Its own socket instead of a port that might be in use.
sed -i 's/^http: .*/http: unix:api.sock/' cell/rsu1/rsud.yaml
"$bin/rsud" --config cell/rsu1/rsud.yaml >rsud.log 2>&1 &
unit=$!
pids+=($unit)
http=unix:$out/cell/rsu1/api.sock

# have FOLDER: the last version in it
have() { sed -nE 's/.*"version": ([0-9]+).*/\1/p' "$1/state.json" 2>/dev/null || echo 0; }
for _ in $(seq 2000); do
    "$ctl" cell status --http "$http" >/dev/null 2>&1 && break
    kill -0 $unit || fail 'the unit stopped'
    sleep 0.1
done
"$ctl" map watch --out live --http "$http" >watch.log 2>&1 &
watcher=$!
pids+=($watcher)
for _ in $(seq 6000); do
    [ "$(have live)" -ge 2 ] 2>/dev/null && break
    kill -0 $watcher || fail 'the watcher stopped'
    sleep 0.1
done
[ "$(have live)" -ge 2 ] || fail 'no version came'
kill -TERM $watcher
wait $watcher || fail 'a watcher that is told to stop has not done wrong'
first=$(have live)

for _ in $(seq 6000); do
    "$ctl" cell status --http "$http" --json | grep -q '"capture_finished": true' && break
    kill -0 $unit || fail 'the unit stopped'
    sleep 0.1
done
for _ in $(seq 3000); do # those of the last seconds
    [ "$(curl -s --unix-socket cell/rsu1/api.sock 'http://u/v1/map/net?from=1' | grep -c '"description"')" -ge 3 ] && break
    sleep 0.1
done
"$ctl" map watch --out live --once --json --http "$http" >rest.log
"$ctl" map watch --out whole --once --http "$http" >/dev/null
last=$(have whole)
[ "$last" -ge 2 ] && [ "$(have live)" -eq "$last" ] || fail "versions $(have live) and $last"
[ "$(wc -l <rest.log)" -eq $((last - first)) ] || fail 'the second call did not go on from where the first stopped'
for v in $(seq 2 "$last"); do
    for ending in proof geojsonl osc; do
        [ -s "$(printf 'live/%06d.%s' "$v" $ending)" ] || fail "version $v has no $ending"
    done
done
diff -r live whole >/dev/null || fail 'following and fetching differ'
fingerprint=$(sed -n 's/^genesis fingerprint: //p' init.log)
"$ctl" map verify --genesis cell/genesis.bin --fingerprint "$fingerprint" live/*.proof >verify.log
for what in 'sign 50 -> 30, lanelet2:way/2003' 'removed, lanelet2:way/2010' 'new sign 30'; do
    grep -q -- "- .*$what" verify.log || { cat verify.log; fail "not noticed: $what"; }
done
"$ctl" map verify --json --genesis cell/genesis.bin live/*.proof | grep -q '"holds": true'
# One octet altered anywhere near the middle, and a cut.
middle=$(($(stat -c %s live/000002.proof) / 2))
for at in 10 $middle $((middle + 41)); do
    cp live/000002.proof bad.proof
    byte=$(od -An -tu1 -j "$at" -N1 bad.proof)
    printf "$(printf '\\x%02x' $((byte ^ 1)))" | dd of=bad.proof bs=1 seek="$at" conv=notrunc 2>/dev/null
    "$ctl" map verify --genesis cell/genesis.bin bad.proof >/dev/null 2>&1 && fail "octet $at altered, and it holds"
done
head -c "$middle" live/000002.proof >bad.proof
"$ctl" map verify --genesis cell/genesis.bin bad.proof >/dev/null 2>&1 && fail 'cut, and it holds'

# In other formats, judged on the way, and killed at any point: nothing that the state covers changes, nothing is missing.
formats='--format json --format tnits --format adiff --format geojsonseq --format osc'
# covered FOLDER: every file of the versions that its state covers, with its digest
covered() {
    local v
    [ -f "$1/state.json" ] || return 0
    for v in $(seq 2 "$(have "$1")"); do
        for ending in proof geojsonl osc adiff tnits.xml json; do
            sha256sum "$(printf '%s/%06d.%s' "$1" "$v" $ending)" || echo missing
        done
    done
}
"$ctl" map watch --out all --once $formats --genesis cell/genesis.bin --fingerprint "$fingerprint" --http "$http" >/dev/null
kills=0
for turn in $(seq 60); do
    rm -rf killed.before
    covered killed >killed.before
    "$ctl" map watch --out killed --once $formats --http "$http" >/dev/null 2>killed.log &
    victim=$!
    sleep "0.0$(printf '%02d' $((turn * 7 % 60)))"
    kill -9 $victim 2>/dev/null && kills=$((kills + 1))
    wait $victim 2>/dev/null || true
    covered killed >killed.after 2>&1
    grep -q missing killed.after && fail "killed in turn $turn: a version that the state covers is not whole"
    head -n "$(wc -l <killed.before)" killed.after | cmp -s - killed.before || fail "killed in turn $turn: a published file changed"
    if [ -f killed/state.json ] && [ "$(have killed)" -eq "$last" ]; then
        cp -r killed "killed.$turn" && diff -r "killed.$turn" all >/dev/null || fail "killed in turn $turn: not what fetching gives"
        rm -rf killed "killed.$turn" # and from the start
    fi
done
"$ctl" map watch --out killed --once $formats --http "$http" >/dev/null
diff -r killed all >/dev/null || fail 'what was killed and went on differs'
[ "$kills" -ge 10 ] || fail "only $kills were killed in time"
if command -v ogrinfo >/dev/null; then # GeoJSON text sequences, to a reader of GIS people
    n=$(ogrinfo -ro -al -so all/000002.geojsonl 2>/dev/null | sed -n 's/^Feature Count: //p')
    [ "$n" = "$(grep -c '"Feature"' all/000002.geojsonl)" ] || fail "ogrinfo counts $n features"
fi
# One writer; files without a state; a record that does not follow; another cell's genesis.
"$ctl" map watch --out killed --http "$http" >/dev/null 2>&1 &
writer=$!
pids+=($writer)
while flock -n killed true; do # until it has the folder
    kill -0 $writer || fail 'the writer stopped'
    sleep 0.1
done
"$ctl" map watch --out killed --once --http "$http" >/dev/null 2>log && fail 'two writers'
grep -q 'another rsuctl map watch' log || fail 'two writers are not named'
kill -TERM $writer
wait $writer || fail 'the writer did not stop in order'
cp -r whole later
"$ctl" map watch --out later --once --format tnits --http "$http" >/dev/null 2>log
grep -q "no .tnits.xml of version $last: it gets them from version $((last + 1)) on" log || fail 'a format that a folder lacks is not named'
"$ctl" map watch --out later --once --http "$http" >/dev/null 2>log
[ ! -s log ] || fail 'formats that a folder has are named'
cp -r all stateless && rm stateless/state.json
"$ctl" map watch --out stateless --once --http "$http" >/dev/null 2>log && fail 'wrote over files without a state'
grep -q 'no state.json' log || fail 'files without a state are not named'
mkdir forked
cell_id=$(sed -nE 's/.*"cell_id": "([0-9a-f]+)".*/\1/p' all/state.json)
echo "{\"cell_id\": \"$cell_id\", \"version\": $((last - 1)), \"record\": \"$(printf '%064d' 7)\"}" >forked/state.json
"$ctl" map watch --out forked --once --http "$http" >/dev/null 2>log && fail 'took a version that does not follow'
grep -q 'does not follow on version' log || { cat log; fail 'what does not follow is not named'; }
[ ! -e "forked/$(printf '%06d' "$last").proof" ] || fail 'kept what does not follow'
"$ctl" cell init --out other --map "$town/town.osm" --trust trust --validators 1 --base-port $((port + 8)) \
    --http-port $((port + 9)) >/dev/null
"$ctl" map watch --out judged --once --genesis other/genesis.bin --http "$http" >/dev/null 2>log && fail 'judged by another cell'
[ ! -e judged/000002.proof ] || fail 'kept what the genesis does not prove'
# From a block whose id is known: older and newer versions are proven from there.
id=$("$ctl" block show 3 --json --http "$http" | sed -nE 's/.*"id": "([0-9a-f]{64})".*/\1/p' | head -n 1)
"$ctl" map watch --out trusting --once $formats --genesis cell/genesis.bin --trusted "3:$id" --http "$http" >/dev/null ||
    fail 'with a trusted block'
diff -r trusting all >/dev/null || fail 'with a trusted block: other files'
"$ctl" map watch --out mistaken --once --genesis cell/genesis.bin --trusted "4:$id" --http "$http" >/dev/null 2>log &&
    fail 'with the id of another block'
"$ctl" map watch --out judged --once --trusted 1:00 --http "$http" >/dev/null 2>log && fail '--trusted without --genesis'

# The messages behind a change: each holds with the proof alone, none with an octet altered or for another version.
change=$("$ctl" map verify --json --genesis cell/genesis.bin live/000002.proof |
    sed -nE 's/.*"id": "([0-9a-f]{64})".*/\1/p' | head -n 1)
"$ctl" map evidence "$change" --http "$http" --out shown >shown.log || fail 'the messages behind a change'
[ "$(wc -l <shown.log)" -ge 3 ] || fail 'too few messages for a change'
while read -r one; do
    "$ctl" map verify --genesis cell/genesis.bin --reveal "$one" live/000002.proof >reveal.log || fail "$one does not hold"
    grep -q 'message [0-9]* of [0-9]* for: ' reveal.log || { cat reveal.log; fail 'nothing said of the message'; }
    size=$(stat -c %s "$one")
    for at in 5 45 60 $((size / 2)) $((size - 1)); do
        cp "$one" bad.reveal
        byte=$(od -An -tu1 -j "$at" -N1 bad.reveal)
        printf "$(printf '\\x%02x' $((byte ^ 1)))" | dd of=bad.reveal bs=1 seek="$at" conv=notrunc 2>/dev/null
        "$ctl" map verify --genesis cell/genesis.bin --reveal bad.reveal live/000002.proof >/dev/null 2>&1 &&
            fail "$one: octet $at altered, and it holds"
    done
done <shown.log
if [ "$last" -ge 3 ]; then
    "$ctl" map verify --genesis cell/genesis.bin --reveal "$one" "$(printf 'live/%06d.proof' "$last")" >/dev/null 2>log &&
        fail 'a message for another change'
fi
"$ctl" map evidence "$change" --only 200 --http "$http" --out shown >/dev/null 2>log && fail 'a message that is not there'

# A folder of another cell, a version that is not there, a state that is none.
sed 's/"cell_id": "./"cell_id": "x/' whole/state.json >state && cp -r whole strange && mv state strange/state.json
"$ctl" map watch --out strange --once --http "$http" >/dev/null 2>log && fail 'followed another cell'
[ "$("$ctl" map watch --out far --from 99 --once --http "$http" 2>&1 | grep -c 'no map version 99')" -eq 1 ] ||
    fail 'a version that is not there'
echo '{' >strange/state.json
"$ctl" map watch --out strange --once --http "$http" >/dev/null 2>log && fail 'took a state that is none'

kill -TERM $unit
wait $unit || fail 'the unit did not stop in order'
pids=()
echo "$((last - 1)) versions, stopped after version $first"
