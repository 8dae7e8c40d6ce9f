#!/bin/bash
# Parts of the map, and whole ones, over HTTP: one tile, a snapshot, what leads from it to a later version, and following from
# there; each checked against what the cell signed. A unit that lies about any of it is found out, and one that no longer has what
# is asked for says where to begin again. usage: parts.sh PROGRAMS-FOLDER LIAR [BASE-PORT]
set -u
liar=${2:?liar}
. "$(dirname "$0")/units.sh" "${1:-}" "${3:-}"

start_time=2026-06-01T08:00:00Z
"$bin/obusim" --map "$town/town.osm" --world "$town/town-world.osm" --vehicles 20 --duration 420 --change-at 60 --seed 7 \
    --start "$start_time" --pki "$out/trust" --out "$out/drive.pcap" >/dev/null || fail 'obusim'
ctl cell init --out "$cell" --map "$town/town.osm" --trust "$out/trust" --validators 1 --clock-rate 15 --clock-epoch "$start_time" \
    --capture "$out/drive.pcap" --block-interval-ms 100 --base-port "$base" --http-port "$http" >"$out/init.log" 2>&1 ||
    { cat "$out/init.log"; fail 'cell init'; }
yaml=$cell/rsu1/rsud.yaml
sed -i 's/^http: .*/http: unix:api.sock/' "$yaml"
api=unix:$cell/rsu1/api.sock
start 1
is_up() { ctl cell status --http "$api" >/dev/null 2>&1; }
wait_for 60 'the unit answers' is_up
believe=(--genesis "$cell/genesis.bin" --http "$api")
place=48.7599325,11.4179598

# The base map, before anything has changed: against the genesis, and against the state.
ctl map snapshot --out "$out/one.snap" --map "$out/one.wmap" --version 1 "${believe[@]}" >"$out/said" 2>&1 || fail 'snapshot of the base map'
grep -q '^version 1 holds' "$out/said" || fail 'the snapshot is not told'
ctl map diff "$out/one.wmap" "$town/town.osm" --quiet || fail 'the base map is another one'
based() { ctl map tile --at $place --version 1 "${believe[@]}" >"$out/said" 2>&1; }
wait_for 30 'a tile of the base map' based

finished() { ctl cell status --http "$api" --json | grep -q '"capture_finished": true'; }
wait_for 120 'the drive is heard' finished
told() { [ "$(curl -s --unix-socket "$cell/rsu1/api.sock" 'http://u/v1/map/net?from=1' | grep -c '"description"')" -ge 3 ]; }
wait_for 60 'the three changes of the drive' told
last=$(ctl cell status --http "$api" --json | field map_version)
[ "$last" -ge 3 ] || fail "only version $last"

# A tile of the current version, and of each other.
ctl map tile --at $place --out "$out/tile.wmap" --raw "$out/tile" "${believe[@]}" >"$out/said" 2>&1 || fail 'tile'
grep -q "of version $last holds" "$out/said" || fail 'the tile is not of the current version'
[ -s "$out/tile" ] && [ -s "$out/tile.wmap" ] || fail 'the tile is not written'
for v in $(seq 1 "$last"); do
    ctl map tile --at $place --version "$v" "${believe[@]}" >"$out/said" 2>&1 || fail "tile of version $v"
done
ctl map tile --at 10,10 "${believe[@]}" >"$out/said" 2>&1
[ $? -eq 1 ] && grep -q 'nothing in tile.*proven' "$out/said" || fail 'that a tile is empty is not proven'
ctl map tile --tile 5 >"$out/said" 2>&1
[ $? -eq 2 ] || fail 'a tile without a genesis'

# From the base map to the current version in one step, and in two; the same as the whole map of then.
ctl map net "$out/one.snap" --out "$out/last.snap" --map "$out/last.wmap" "${believe[@]}" >"$out/said" 2>&1 || fail 'net'
grep -q "^version 1 to $last holds: 3 changes" "$out/said" || fail 'the changes are not three'
grep -q 'sign 50 -> 30, lanelet2:way/2003' "$out/said" || fail 'the changed sign is not told'
ctl map net "$out/one.snap" --to 2 --out "$out/two.snap" "${believe[@]}" >"$out/said" 2>&1 || fail 'net to 2'
ctl map net "$out/two.snap" --json --out "$out/last2.snap" "${believe[@]}" >"$out/said" 2>&1 || fail 'net from 2'
cmp -s "$out/last.snap" "$out/last2.snap" || fail 'two steps lead elsewhere than one'
ctl map snapshot --out "$out/whole.snap" "${believe[@]}" >"$out/said" 2>&1 || fail 'snapshot'
cmp -s "$out/last.snap" "$out/whole.snap" || fail 'the net leads elsewhere than the whole map'
ctl map net "$out/whole.snap" "${believe[@]}" 2>&1 | grep -q ': 0 changes' || fail 'nothing is nothing'
# A snapshot is a map like any other.
ctl map diff "$out/one.snap" "$out/whole.snap" >"$out/said" 2>&1 || fail 'two snapshots are not compared'
grep -q 'sign 50 -> 30, lanelet2:way/2003' "$out/said" || fail 'what differs between two snapshots'
ctl map diff --quiet "$out/one.snap" "$out/one.wmap" || fail 'the same map as a snapshot differs'
ctl map export "$out/one.snap" --to geojsonseq >"$out/a" && ctl map export "$out/one.wmap" --to geojsonseq >"$out/b" &&
    cmp -s "$out/a" "$out/b" || fail 'export of a snapshot'
head -c 200 "$out/one.snap" >"$out/cut.snap"
ctl map diff "$out/cut.snap" "$out/one.snap" >"$out/said" 2>&1
[ $? -eq 3 ] && grep -q 'cut.snap' "$out/said" || fail 'a snapshot that is cut'

# Following from a snapshot gives what following from the beginning gives.
ctl map watch --out "$out/all" --once "${believe[@]}" >/dev/null 2>&1 || fail 'watch'
ctl map watch --out "$out/part" --snapshot "$out/two.snap" --once "${believe[@]}" >/dev/null 2>&1 || fail 'watch --snapshot'
[ ! -e "$out/part/000002.proof" ] || fail 'what the snapshot has is fetched again'
for f in "$out"/part/0*; do cmp -s "$f" "$out/all/$(basename "$f")" || fail "$(basename "$f") differs"; done
cmp -s "$out/part/state.json" "$out/all/state.json" || fail 'the states differ'

# What a receiver of the TN-ITS data set answers is kept by the unit, also over a start, and shown at the change.
curl -s --unix-socket "$cell/rsu1/api.sock" "http://u/v1/map/diffs?from=1&format=tnits" >"$out/set.xml"
dataset=$(sed -nE 's#.*<datasetId>([^<]+)</datasetId>.*#\1#p' "$out/set.xml" | head -n 1)
sign=$(curl -s --unix-socket "$cell/rsu1/api.sock" "http://u/v1/map/net?from=1" | tr -d '\n' |
    grep -oE '"element": ?"[0-9a-f]{32}"[^}]*"description": ?"sign 50 -> 30' | grep -oE '[0-9a-f]{32}' | head -n 1)
[ -n "$dataset" ] && [ -n "$sign" ] || fail "no data set ($dataset) or sign ($sign) to answer"
cat >"$out/answer.xml" <<END
<FeedbackDataset><feedbackInfo><FeedbackInformation><datasetIdentifier>$dataset</datasetIdentifier><processed>now</processed><log>
<FeedbackLog><events><RoadFeatureEvent><featureId><RoadFeatureId><providerId>${dataset%%/*}</providerId><id>$sign</id></RoadFeatureId>
</featureId><eventCode href="c/decodeLocationError"/></RoadFeatureEvent></events></FeedbackLog></log></FeedbackInformation></feedbackInfo>
</FeedbackDataset>
END
ctl map feedback "$out/answer.xml" --admin "$cell/rsu1/admin.sock" >"$out/said" 2>&1
[ $? -eq 1 ] && grep -q 'kept as number 1' "$out/said" || fail 'the answer is not kept'
ctl map feedback "$out/answer.xml" --admin "$cell/rsu1/admin.sock" 2>&1 | grep -q 'not kept: it is kept already, as number 1' || fail 'twice'
shown() {
    change=$(curl -s --unix-socket "$cell/rsu1/api.sock" "http://u/v1/map/net?from=1" | tr -d '\n' |
        grep -oE '"description": ?"sign 50 -> 30.*' | grep -oE '"last_change": ?"[0-9a-f]{64}' | grep -oE '[0-9a-f]{64}' | head -n 1)
    curl -s --unix-socket "$cell/rsu1/api.sock" "http://u/v1/map/changes/$change" | grep -q '"code": "decodeLocationError"'
}
shown || fail 'the answer is not shown at the change'
end 1
start 1
wait_for 60 'the unit answers after a start' is_up
shown || fail 'the answer is not shown after a start'

# Lies. with WORD MODE WHAT COMMAND...: it is told with exit code 1 (or 3: an answer that is none), and nothing is written.
with() {
    local word=$1 mode=$2 what=$3
    shift 3
    "$liar" "$out/lies.sock" "$cell/rsu1/api.sock" "$word" "$mode" "$what" &
    local p=$!
    for _ in $(seq 1000); do [ -S "$out/lies.sock" ] && break; sleep 0.1; done
    ctl "$@" --http "unix:$out/lies.sock" --genesis "$cell/genesis.bin" --out "$out/lie" >"$out/said" 2>&1
    local code=$?
    kill $p
    wait $p 2>/dev/null
    rm -f "$out/lies.sock"
    [ $code -eq 1 ] || fail "believed (exit code $code): $word $mode $what: $*"
    [ ! -e "$out/lie" ] || fail "written: $word $mode $what"
}
tile=$(sed -n 's/.*"id": \([0-9]*\),*/\1/p' <(curl -s --unix-socket "$cell/rsu1/api.sock" http://u/v1/map/tiles) | head -n 1)
with /v1/map/tiles flip -3 map tile --at $place                                  # an element
with /v1/map/tiles flip 60 map tile --at $place                                  # the root
with /v1/map/tiles other "/v1/map/tiles/$tile?version=1" map tile --at $place --version "$last" # an old one
with /v1/map/tiles flip 48 map tile --at $place                                  # the version it says
with "/v1/map/tiles/$tile" other /v1/map/tiles/5 map tile --at $place                 # it hides it
with /v1/map/tiles other /v1/map/tiles/5 map tile --at $place                   # and the list of all
with /v1/map/snapshot flip -3 map snapshot                                       # an element
with /v1/map/snapshot other '/v1/map/snapshot?version=2' map snapshot --version "$last"
with /v1/map/snapshot flip 60 map snapshot                                       # the record that comes next
with /v1/map/snapshot flip 100 map snapshot                                      # the root
with /v1/map/snapshot flip 124 map snapshot                                      # the frame
with /v1/map/net flip -3 map net "$out/one.snap"                                 # an element
with /v1/map/net flip 100 map net "$out/one.snap"                                # the record
with /v1/map/net other '/v1/map/net?from=2&format=octets' map net "$out/one.snap"
with /v1/map/net other '/v1/map/net?from=1&to=2&format=octets' map net "$out/one.snap" --to "$last"
with /v1/proofs/map other '/v1/proofs/map/2' map snapshot --version "$last"      # another version's proof

# Only the last version is kept: what is older is gone, and the unit says where to begin again.
end 1
printf 'map_versions: 1\n' >>"$yaml"
start 1
wait_for 60 'the unit answers again' is_up
ctl map watch --out "$out/late" --once "${believe[@]}" >"$out/said" 2>&1
[ $? -eq 1 ] || fail 'a gap is not told'
grep -q 'not kept here any more' "$out/said" && grep -q 'map snapshot' "$out/said" || fail 'where to begin again is not said'
ctl map net "$out/one.snap" "${believe[@]}" >"$out/said" 2>&1
[ $? -eq 1 ] || fail 'a net over what is gone'
curl -s --unix-socket "$cell/rsu1/api.sock" "http://u/v1/map/diffs?from=1" | tr -d ' \n' |
    grep -q "\"oldest\":$last,\"current\":$last,\"snapshot\":\"/v1/map/snapshot\"" || fail 'the answer does not say what is there'
ctl map snapshot --out "$out/again.snap" "${believe[@]}" >"$out/said" 2>&1 || fail 'a snapshot to begin again'
cmp -s "$out/again.snap" "$out/whole.snap" || fail 'the snapshot is another one'
ctl map watch --out "$out/late" --snapshot "$out/again.snap" --once "${believe[@]}" >"$out/said" 2>&1 || fail 'watching from it'
no_complaints
end 1
exit 0
