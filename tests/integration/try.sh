#!/bin/bash
# rsuctl policy try as an engineer uses it who tunes a policy before it is ordered: a looser one confirms earlier, a stricter one
# nothing, the one in force the same; what is wrong with a script or a capture is said with its place.
# usage: try.sh PROGRAMS-FOLDER
set -eu
bin=$(cd "${1:?folder of programs}" && pwd)
root=$(cd "$(dirname "$0")/../.." && pwd)
town=$root/configs/demo
urban=$root/scripts/policies/urban.lua
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
cd "$out"
fail() {
    echo "$1"
    [ ! -s said ] || cat said
    [ ! -s complaint ] || cat complaint
    exit 1
}
# try CODE OPTIONS...: what it prints is in said, what it complains about in complaint
try() {
    local want=$1 got=0
    shift
    timeout 900 "$bin/rsuctl" policy try --map "$town/town.osm" --trust trust --validators 1 --quiet "$@" >said 2>complaint || got=$?
    [ $got -eq "$want" ] || fail "policy try $*: exit code $got, expected $want"
}
says() {
    grep -qE -- "$1" said || fail "'$1' is not said"
}
complains() {
    grep -qE -- "$1" complaint || fail "no complaint of '$1'"
}

"$bin/obusim" --map "$town/town.osm" --world "$town/town-world.osm" --vehicles 20 --duration 420 --change-at 60 --seed 7 \
    --pki trust --out drive.pcap >/dev/null
sed -e 's/confirm_bits = bits_for(1000000)/confirm_bits = 12/' -e 's/min_vehicles = 5/min_vehicles = 3/' -e 's/liars_bits = 9/liars_bits = 0/' \
    -e 's/rest_bits = 12/rest_bits = 8/' "$urban" >loose.lua
sed -e 's/confirm_bits = bits_for(1000000)/confirm_bits = 62/' -e 's/advisory_bits = 12/advisory_bits = 62/' "$urban" >strict.lua
! cmp -s loose.lua "$urban" && ! cmp -s strict.lua "$urban" || fail 'the policies to be tried are the one in force'

# ---- looser: earlier, with fewer vehicles ----
try 0 drive.pcap --policy loose.lua
cp said loose.txt
says '^in force: urban, '
says '^tried:    loose.lua, '
says '^  map.confirm_bits +20 +12 bit$'
says '^  map.min_vehicles +5 +3'
[ "$(sed -n '/differ in/,/^$/p' said | grep -c '^  map\.')" -eq 4 ] || fail 'fields differ that are the same'
says '^heard: 10659 frames in [0-9]+ s, 10659 verified'
says 'sign 50 -> 30, lanelet2:way/2003'
says 'permanent: [0-9]+ ms earlier, [0-9]+ vehicles? fewer'
says '^  \* confirmed +2026-.*Z +2026-.*Z$'
says '^  \* bits +[0-9.]+ of 20 +[0-9.]+ of 12$'
says '^permanent changes: [0-9]+ at the same time, [1-9][0-9]* earlier and 0 later under the one tried, 0 only in force, 0 only tried$'

# The column in force is what replay makes of the same capture, to the microsecond.
"$bin/rsuctl" replay drive.pcap --map "$town/town.osm" --trust trust --validators 1 --policy "$urban" --out r --quiet >replayed 2>&1
try 0 drive.pcap --policy loose.lua --against "$urban" --json
cp said loose.json
grep -o '"published_at": "[^"]*"' loose.json | sort -u >published
sed -nE 's/^version [0-9]+ at height [0-9]+, (.*)$/"published_at": "\1"/p' replayed | sort -u >versions
[ "$(wc -l <versions)" -eq 3 ] && [ "$(comm -12 published versions | wc -l)" -eq 3 ] || fail 'in force: other versions than replay has'
for id in $(sed -nE 's/^ *"id": "([0-9a-f]{64})".*/\1/p' r/report.json); do
    grep -q "$id" loose.json || fail "change $id of replay is in no column"
done

# ---- the same answer, every time and from any folder ----
mkdir elsewhere
cp drive.pcap elsewhere/other.pcap
try 0 elsewhere/other.pcap --policy loose.lua --against "$urban" --json
cmp -s said loose.json || fail 'the same capture, another answer'

# ---- stricter: nothing; and what it lacks ----
try 0 drive.pcap --policy strict.lua
says 'permanent: only under the policy in force; advisory: only under the policy in force'
says '^  \* confirmed +2026-.*Z +no$'
says '^  \* lacks at the end +- +bits'
says '^permanent changes: 0 at the same time, 0 earlier and 0 later under the one tried, 3 only in force, 0 only tried$'
try 0 drive.pcap --policy strict.lua --json
says '"differences": [3-9]'
says '"format": "wayside-policy-try-1"'

# ---- the other way round ----
try 0 drive.pcap --policy "$urban" --against strict.lua
says ' 0 only in force, 3 only tried$'

# ---- the one in force: no difference ----
try 0 drive.pcap --policy "$urban"
says '^Both policies compute the same table.$'
says '^permanent changes: 3 at the same time, 0 earlier and 0 later under the one tried, 0 only in force, 0 only tried$'
! grep -q '^  \*' said || fail 'a policy differs from itself'
"$bin/rsuctl" cell init --out cell --map "$town/town.osm" --trust trust --policy loose.lua >/dev/null
try 0 drive.pcap --policy loose.lua --genesis cell/genesis.bin
says '^in force: loose, the first policy of the cell'
says '^Both policies compute the same table.$'

# ---- maps as registered, in other forms ----
"$bin/rsuctl" map import "$town/town.osm" --out town.wmap >/dev/null
try 0 drive.pcap --policy loose.lua --against "$urban" --json --map town.wmap
cmp -s said loose.json || fail 'the same map from .wmap, another answer'

# ---- captures of a cell whose map has changed already ----
"$bin/obusim" --map "$town/town.osm" --world "$town/town-world.osm" --vehicles 20 --duration 420 --change-at 60 --seed 7 \
    --map-version 57 --pki trust --out later.pcap >/dev/null
"$bin/rsuctl" replay later.pcap --map "$town/town.osm" --trust trust --validators 1 --out refused --quiet >/dev/null
grep -q '"stale_map_version": [1-9]' refused/report.json && grep -q '"versions": \[\]' refused/report.json ||
    fail 'replay takes versions that are not there'
"$bin/rsuctl" replay later.pcap --map "$town/town.osm" --trust trust --validators 1 --out taken --any-version --quiet >/dev/null
! grep -q stale_map_version taken/report.json && [ "$(grep -c '"what":' taken/report.json)" -eq 3 ] || fail '--any-version does not take them'
try 0 later.pcap --policy loose.lua
! grep -q stale_map_version said || fail 'policy try refuses versions of the cell that was recorded'
says '^permanent changes: .* 0 only in force, 0 only tried$'
says 'sign 50 -> 30, lanelet2:way/2003'

# ---- a road on which nothing changes, and vehicles that agree on a lie: what believes a single look lets false changes in ----
"$bin/obusim" --map "$town/town.osm" --vehicles 20 --duration 300 --liars 0.15 --seed 3 --pki trust3 --out liars.pcap >/dev/null
sed -e 's/confirm_bits = bits_for(1000000)/confirm_bits = 5/' -e 's/min_vehicles = 5/min_vehicles = 1/' \
    -e 's/min_groups = 3/min_groups = 1/' -e 's/min_families = 2/min_families = 1/' -e 's/min_issuers = 2/min_issuers = 1/' \
    -e 's/min_views = 2/min_views = 1/' -e 's/margin_bits = 6/margin_bits = 0/' -e 's/liars_bits = 9/liars_bits = 0/' \
    -e 's/rest_bits = 12/rest_bits = 0/' -e 's/place_sigma_mm = 180/place_sigma_mm = 5000/' -e 's/place_sightings = 5/place_sightings = 1/' -e 's/place_families = 2/place_families = 1/' "$urban" >naive.lua
try 0 liars.pcap --policy naive.lua --trust trust3
says 'permanent: only under the one tried'
says '^permanent changes: 0 at the same time, 0 earlier and 0 later under the one tried, 0 only in force, [1-9][0-9]* only tried$'
says '^suspected and not confirmed at the end, in force: [1-9]'

# ---- policies that are refused, with their place; nothing is run ----
refused() { # NAME SCRIPT WORDS
    printf '%s\n' "$2" >"$1.lua"
    SECONDS=0
    try 1 drive.pcap --policy "$1.lua"
    complains "$3"
    [ ! -s said ] || fail "$1: something is printed beside the refusal"
    try 1 drive.pcap --policy "$1.lua" --json
    says '"policy": "tried"'
    says "\"error\": \"$3"
    try 1 drive.pcap --policy "$urban" --against "$1.lua" --json
    says '"policy": "in_force"'
    [ $SECONDS -le 120 ] || fail "$1: takes $SECONDS s"
}
refused syntax $'local x = 1\nreturn {\n' 'syntax.lua:[0-9]'
refused runs-out $'local n = 0\nwhile true do\nn = n + 1 end' 'runs-out.lua:[23]: .*steps'
refused lacks 'return {map = {}}' 'lacks.lua: .*map\.'
sed 's/confirm_bits = bits_for(1000000)/confirm_bits = 63/' "$urban" >beyond.lua
refused beyond "$(cat beyond.lua)" 'beyond.lua: .*map.confirm_bits'
head -c 70000 /dev/zero | tr '\0' '-' >huge.lua
try 1 drive.pcap --policy huge.lua
complains 'huge.lua'
try 3 drive.pcap --policy no-such.lua
complains 'no-such.lua'
try 3 drive.pcap --policy loose.lua --against no-such.lua
try 3 drive.pcap --policy loose.lua --genesis drive.pcap
complains 'drive.pcap'
try 3 drive.pcap --policy loose.lua --http 127.0.0.1:1
try 2 drive.pcap
complains '--map and --policy are needed'
try 2 --policy loose.lua
try 2 drive.pcap --policy loose.lua --against "$urban" --genesis cell/genesis.bin
complains 'give one'
try 2 - --policy loose.lua

# ---- captures that hold nothing, or end too early ----
head -c 24 drive.pcap >empty.pcap
try 0 empty.pcap --policy loose.lua
says '^heard: 0 frames'
says '^Nothing was announced or confirmed under either.$'
head -c 1500000 drive.pcap >cut.pcap
try 3 cut.pcap --policy loose.lua
complains 'cut.pcap: record [0-9]+: .*only the frames before that place took part'
says 'capture 1 was read no further than its frame [0-9]+: record [0-9]+: '
says 'sign 50 -> 30, lanelet2:way/2003'
try 3 cut.pcap --policy loose.lua --json
says '"cut": "record [0-9]+: '
head -c 10 drive.pcap >stump.pcap
try 3 stump.pcap --policy loose.lua
[ ! -s said ] || fail 'a stump gives an answer'
# Nobody is believed without their roots, and that is said.
got=0
"$bin/rsuctl" policy try drive.pcap --map "$town/town.osm" --validators 1 --policy loose.lua >said 2>complaint || got=$?
[ $got -eq 0 ] || fail "without roots: exit code $got"
complains 'no --trust'
says '10659 frames in [0-9]+ s, 0 verified'
says '  dropped: '
