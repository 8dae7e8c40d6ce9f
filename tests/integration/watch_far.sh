#!/bin/bash
# A map provider far behind: a unit that makes OsmChange only of its last versions, is itself behind or another one, loses its
# proxy, forgets; the watcher is killed in the middle of it. What is in the folder in the end is what a unit gives that makes
# everything. usage: watch_far.sh PROGRAMS-FOLDER
# 77: no Node here, and nobody asked for everything.
set -eu
bin=$(cd "${1:?folder of programs}" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
town=$(cd "$here/../../configs/demo" && pwd)
if ! command -v node >/dev/null; then
    echo 'node (Debian: nodejs) is missing'
    [ -z "${WAYSIDE_DATA:-}" ] && exit 77
    exit 1
fi
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
have() { sed -nE 's/.*"version": ([0-9]+).*/\1/p' "$1/state.json" 2>/dev/null || echo 0; }
# until WORDS-OF-A-FAILURE COMMAND...: within four minutes
until_() {
    local words=$1
    shift
    for _ in $(seq 2400); do
        "$@" && return 0
        sleep 0.1
    done
    fail "$words"
}

# ---- a cell whose authorities change limits, signs and places, one version after the other ----
. "$here/free_ports.sh"
free_ports port 16
printf '\xd4\xc3\xb2\xa1\2\0\4\0\0\0\0\0\0\0\0\0\0\0\1\0\1\0\0\0' >quiet.pcap
"$ctl" cell init --out cell --map "$town/town.osm" --validators 1 --capture quiet.pcap --base-port $port \
    --http-port $((port + 1)) --block-interval-ms 50 >init.log
sed -i 's/^http: .*/http: unix:api.sock/' cell/rsu1/rsud.yaml
"$bin/rsud" --config cell/rsu1/rsud.yaml >rsud.log 2>&1 &
unit=$!
pids+=($unit)
http=unix:$out/cell/rsu1/api.sock
answers() { "$ctl" cell status --http "$http" >/dev/null 2>&1; }
until_ 'the unit does not answer' answers
curl -s --unix-socket cell/rsu1/api.sock http://unit/v1/map >map.geojsonl
mapfile -t limits < <(grep -ao '"kind":"speed_limit","element":"[0-9a-f]*","revision":0,"value":50' map.geojsonl | head -n 9 | cut -d '"' -f 8)
[ "${#limits[@]}" -eq 9 ] || fail 'too few limits'
order=("$ctl" map order)
signed=(--genesis cell/genesis.bin --admin cell/rsu1/admin.sock --key cell/authority/1.key --http "$http" --wait 240)
"${order[@]}" create --kind sign --at 48.7651,11.4231 --heading 90 --value 30 "${signed[@]}" >order.log || fail 'the order of a sign'
for limit in "${limits[@]}"; do
    "${order[@]}" modify --element "$limit" --kind speed_limit --value 30 "${signed[@]}" >order.log || fail 'the order of a limit'
done
"${order[@]}" withdraw --order "$(grep -oE '[0-9a-f]{64}' order.log | head -n 1)" "${signed[@]}" >order.log || fail 'taking an order back'
current() { curl -s --unix-socket cell/rsu1/api.sock http://unit/v1/map/versions | sed -nE 's/^ *"current": ?([0-9]+).*/\1/p'; }
published() { [ "$(current)" -ge 12 ] 2>/dev/null; }
until_ 'the versions do not come' published
last=$(current)
formats='--format json --format tnits --format adiff --format geojsonseq --format osc'
"$ctl" map watch --out all --once $formats --http "$http" >/dev/null
[ "$(have all)" -eq "$last" ] || fail 'not all versions'
grep -q '<modify>' all/000005.osc || fail 'a limit that is no change of its lane'

# ---- the same unit behind others' troubles ----
echo '{}' >faults
node "$here/front.mjs" unix:front.sock "$out/cell/rsu1/api.sock" faults >front.log 2>&1 &
front=$!
pids+=($front)
ready() { grep -q ready front.log; }
until_ 'the front does not start' ready
through=unix:$out/front.sock

# The unit makes maps of its last two versions only; one answer has room for three.
echo '{"memory": 2, "page": 3}' >faults
curl -s --unix-socket front.sock "http://unit/v1/map/diffs?from=1&to=2&format=osc" | grep -q 'too far back' || fail 'the front does nothing'
"$ctl" map watch --out far --once $formats --genesis cell/genesis.bin --http "$through" >/dev/null 2>far.log || fail 'far behind'
diff -r far all >/dev/null || fail 'what was made from a carried map differs'
grep -q 'does not make the map of version 1 any more' far.log || fail 'not said'
[ "$(wc -l <far.log)" -eq 1 ] || fail 'said more than once'
# Behind a snapshot of the middle, too.
"$ctl" map snapshot --version 5 --out five.snapshot --genesis cell/genesis.bin --http "$http" >/dev/null
"$ctl" map watch --out five --once --snapshot five.snapshot --http "$through" >/dev/null 2>far.log || fail 'behind a snapshot'
for v in $(seq 6 "$last"); do
    cmp -s "$(printf 'five/%06d.osc' "$v")" "$(printf 'all/%06d.osc' "$v")" || fail "behind a snapshot: version $v differs"
done

# Killed at any point of that: what the state covers is whole and stays, and the rest comes.
covered() {
    local v
    [ -f "$1/state.json" ] || return 0
    for v in $(seq 2 "$(have "$1")"); do
        for ending in proof geojsonl osc adiff tnits.xml json; do
            cmp -s "$(printf '%s/%06d.%s' "$1" "$v" $ending)" "$(printf 'all/%06d.%s' "$v" $ending)" || echo "version $v: $ending"
        done
    done
}
kills=0
inside=0
for turn in $(seq 40); do
    "$ctl" map watch --out killed --once $formats --http "$through" >/dev/null 2>killed.log &
    victim=$!
    sleep "0.$(printf '%03d' $((turn * 37 % (turn % 2 == 0 ? 60 : 300))))" # on a fast machine and on a slow one
    kill -9 $victim 2>/dev/null && kills=$((kills + 1))
    wait $victim 2>/dev/null || true
    covered killed >killed.wrong
    [ ! -s killed.wrong ] || { cat killed.wrong; fail "killed in turn $turn: not what the unit gives"; }
    at=$(have killed)
    [ "${at:-0}" -lt 2 ] || [ "$at" -ge "$last" ] || inside=$((inside + 1))
    if [ "${at:-0}" -eq "$last" ]; then
        diff -r killed all >/dev/null || fail "killed in turn $turn: not what fetching gives"
        rm -rf killed
    fi
done
"$ctl" map watch --out killed --once $formats --http "$through" >/dev/null 2>&1 || fail 'going on after it was killed'
diff -r killed all >/dev/null || fail 'what was killed and went on differs'
[ "$kills" -ge 5 ] || fail "only $kills were killed in time"

# A unit that has not got so far: later, with a word; in the end all is there. Gone between: its proxy, the unit itself.
echo '{"behind": 4}' >faults
"$ctl" map watch --out late --once --http "$http" --from 9 >/dev/null
"$ctl" map watch --out late --once --http "$through" >late.log 2>&1 && fail 'behind, and all was well'
[ "$("$ctl" map watch --out late --once --http "$through" >/dev/null 2>&1; echo $?)" -eq 3 ] || fail 'behind: not exit code 3'
grep -q "no map version $last yet; the current one is 4 (HTTP 404). late has version $last: the unit is behind, or another one" late.log ||
    fail 'behind, and not said'
"$ctl" map watch --out wait --once --http "$http" >/dev/null
rm wait/"$(printf '%06d' "$last")".*
sed -i "s/\"version\": $last, .*/\"version\": $((last - 1))}/" wait/state.json
"$ctl" map watch --out wait --http "$through" >wait.log 2>wait.said &
watcher=$!
pids+=($watcher)
waits() { grep -q "the current one is 4 .*trying again" wait.said; }
until_ 'it does not say that it waits' waits
echo '{"down": true}' >faults
down() { grep -q 'HTTP 502.*trying again' wait.said; }
until_ 'it does not say that the unit is gone' down
echo '{"broken": true}' >faults
broken() { grep -q 'the disk (HTTP 500).*trying again' wait.said; }
until_ 'it does not say that the unit is in trouble' broken
kill -0 $watcher || fail 'the watcher gave up'
echo '{}' >faults
arrived() { [ "$(have wait)" -eq "$last" ] && grep -q 'goes on' wait.said; }
until_ 'it does not go on' arrived
kill -TERM $watcher
wait $watcher || fail 'a watcher that is told to stop has not done wrong'
cmp -s wait/"$(printf '%06d' "$last")".osc all/"$(printf '%06d' "$last")".osc || fail 'what came late differs'
[ "$(grep -c 'current one is 4' wait.said)" -eq 1 ] || fail 'the same reason said again and again'

# Another cell behind the same address is no reason to wait, nor is an address without a unit.
echo "{\"behind\": 4, \"other\": \"$(printf '%064d' 7)\"}" >faults
timeout 20 "$ctl" map watch --out wait --http "$through" >/dev/null 2>other.log && fail 'waited for another cell'
grep -q "the unit belongs to $(printf '%064d' 7)" other.log || fail 'another cell is not named'
# What is gone for good, too: with what to do.
echo '{"oldest": 6}' >faults
"$ctl" map watch --out fresh --http "$through" >/dev/null 2>gone.log && fail 'began where nothing is kept'
grep -q 'HTTP 410.*rsuctl map snapshot, then --snapshot' gone.log || fail 'no word of what to do'
# Records are there, maps that go with them are not: the formats that need none go on.
echo '{"memory": -1}' >faults
"$ctl" map watch --out fresh --once --http "$through" >/dev/null 2>gone.log && fail 'made OsmChange out of nothing'
grep -q 'record of version 2, but makes no osc of it any more' gone.log || fail 'the format is not named'
grep -q -- '--format' gone.log || fail 'no word of other formats'
"$ctl" map watch --out fresh --once --format geojsonseq --http "$through" >/dev/null 2>gone.log || fail 'the other formats do not go on'
[ "$(have fresh)" -eq "$last" ] || fail 'the other formats stop short'

kill -TERM $unit
wait $unit || fail 'the unit did not stop in order'
echo "$last versions, killed $kills times, $inside in between"
