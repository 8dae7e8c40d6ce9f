#!/bin/bash
# TN-ITS data sets as rsuctl writes them are valid by the published schemas; parts of GML that those need are in
# tests/support/tnits. usage: tnits.sh PROGRAMS-FOLDER, from the project's root
set -eu
bin=$(cd "${1:?folder of programs}" && pwd)
data=${WAYSIDE_DATA:-../shared/data}
[ -f "$data/maps/tnits/TNITS.xsd" ] || { echo 'no TN-ITS schemas: skipped'; exit 77; }
command -v xmllint >/dev/null || { echo 'no xmllint: skipped'; exit 77; }
data=$(cd "$data" && pwd)
here=$PWD
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
mkdir "$out/schemas"
cp "$data"/maps/tnits/*.xsd tests/support/tnits/* "$out/schemas"
cd "$out"
ctl=$bin/rsuctl
checked=0

fail() {
    echo "$1"
    exit 1
}
valid() { XML_CATALOG_FILES=$out/schemas/catalog.xml xmllint --nonet --noout --schema "$out/schemas/TNITS.xsd" "$1" >lint.log 2>&1; }
check() { # FILE FEATURES
    valid "$1" || { head -n 5 lint.log; fail "$1 is not valid"; }
    [ "$(grep -c '<RoadFeature ' "$1")" -eq "$2" ] || fail "$1 has $(grep -c '<RoadFeature ' "$1") features, not $2"
    checked=$((checked + 1))
}
kinds() { grep -oE '<UpdateInfo><type>[A-Za-z]+' "$1" | sed 's/.*>//' | sort | uniq -c | tr -s ' \n' ' '; }

# The demo's three changes.
"$ctl" map diff "$here/configs/demo/town.osm" "$here/configs/demo/town-world.osm" --format tnits --provider 'a<b&c' >town.xml
check town.xml 3
[ "$(kinds town.xml)" = ' 1 Add 1 Modify 1 Remove ' ] || fail "kinds: $(kinds town.xml)"
grep -q '<providerId>a&lt;b&amp;c</providerId>' town.xml || fail 'the provider'
"$ctl" map diff "$here/configs/demo/town.osm" "$here/configs/demo/town.osm" --format tnits >none.xml
check none.xml 0
# The same maps at another time: the same octets; and a time that is asked for.
sleep 1
"$ctl" map diff "$here/configs/demo/town.osm" "$here/configs/demo/town-world.osm" --format tnits --provider 'a<b&c' | cmp -s - town.xml || fail 'not the same octets'
"$ctl" map diff "$here/configs/demo/town.osm" "$here/configs/demo/town-world.osm" --format tnits --time 2026-11-21T09:30:00Z >town-at.xml
check town-at.xml 3
[ "$(grep -c 'datasetCreationTime>2026-11-21T09:30:00Z<\|LifespanVersion>2026-11-21T09:30:00Z<' town-at.xml)" -eq 5 ] || fail 'the time that was asked for'
"$ctl" map export "$here/configs/demo/town.osm" --to tnits --time 2026-11-21 >/dev/null 2>log && fail 'a day is no time'

# The schemas do refuse: an unknown kind, a missing source, two things with one id.
sed 's/<type>Modify</<type>Change</' town.xml >bad.xml && ! valid bad.xml || fail 'an unknown kind is valid'
sed '/<source /d' town.xml >bad.xml && ! valid bad.xml || fail 'no source, and it is valid'
sed -E 's/gml:id="f[0-9a-f]+"/gml:id="twice"/' town.xml >bad.xml && ! valid bad.xml || fail 'one id twice is valid'

# Every map here, whole: each limit, sign and crosswalk once, the rest counted.
for map in "$data"/maps/lanelet2/*.osm "$data"/maps/opendrive/*.xodr; do
    "$ctl" map export "$map" --to tnits --out whole.xml 2>left.log || continue # maps that are refused have tests of their own
    valid whole.xml || { head -n 5 lint.log; fail "$map: not valid"; }
    features=$(grep -c '<RoadFeature ' whole.xml) || true
    left=$(sed -nE 's/^left out: ([0-9]+),.*/\1/p' left.log | paste -sd+ | sed 's/^$/0/')
    rm -f map.wmap
    "$ctl" map import "$map" --out map.wmap >import.log 2>/dev/null
    all=$("$ctl" map export map.wmap --to geojsonseq | grep -c '"Feature"')
    [ $((features + left)) -eq "$all" ] || fail "$map: $features features and $((left)) left out of $all elements"
    checked=$((checked + 1))
done
# Limits that went from 40 to 20 under a map that moved by 100 km: two changes, and nothing else.
unitrack=("$data"/maps/lanelet2/*unitrack*6*.osm "$data"/maps/lanelet2/*unitrack*7*.osm)
if [ -f "${unitrack[0]}" ] && [ -f "${unitrack[1]}" ]; then
    "$ctl" map diff "${unitrack[0]}" "${unitrack[1]}" --format tnits >trap.xml 2>/dev/null
    check trap.xml 2
    [ "$(grep -c '<gml:measure uom="kph">20<' trap.xml)" -eq 2 ] || fail 'the two limits are not 20'
    # The two agree on where these are, although the maps have frames 100 km apart.
    "$ctl" map diff "${unitrack[0]}" "${unitrack[1]}" --json >trap.json
    lat=$(sed -nE 's/.*"lat": ([0-9]+\.[0-9]{4}).*/\1/p' trap.json | head -n 1)
    [ -n "$lat" ] && grep -qF " $lat" trap.xml || fail "the change is at latitude $lat, or elsewhere"
    checked=$((checked + 1))
fi
# The published examples as a map, and feedback as an authority sees it.
"$ctl" map import "$data/maps/tnits/Example_RoadDataSet.xml" --out base.wmap >/dev/null 2>notes || fail 'the example is no map'
grep -q '1 features are removals' notes || fail 'the removal is not told'
"$ctl" map export base.wmap --to tnits --out base.xml
check base.xml 2
grep -q '<providerId>SE.TrV.NVDB</providerId><id>84A4B4B4-4064-4117-AA7C-EF16C6917209</id>' base.xml || fail 'the name is lost'
code=0
"$ctl" map feedback "$data/maps/tnits/ExampleFeedback.xml" --map base.wmap >feedback.log || code=$?
[ "$code" -eq 1 ] || fail "feedback with failures: exit code $code"
for what in '1 decodeLocationError' 'SchemaVersionMismatch (about the data set)' '2 succeeded, 1 failed' 'Some free text error' \
    '63CA5D0E-7CF9-48A4-9932-ECED3FDCED7A: decodeLocationError of maximumHeight: not in this map'; do
    grep -qF "$what" feedback.log || { cat feedback.log; fail "not told: $what"; }
done
# An answer about a feature of ours, by its element's id.
id=$(sed -nE 's/.*<id>([0-9a-f]{32})<.*/\1/p' town.xml | head -n 1)
cat >answer.xml <<END
<FeedbackDataset><feedbackInfo><FeedbackInformation><datasetIdentifier>town</datasetIdentifier><processed>now</processed><log>
<FeedbackLog><events><RoadFeatureEvent><roadFeatureId><RoadFeatureId><providerId>wayside</providerId><id>$id</id></RoadFeatureId>
</roadFeatureId><eventCode href="c#illegalPropertyValue"/></RoadFeatureEvent></events></FeedbackLog></log></FeedbackInformation>
</feedbackInfo></FeedbackDataset>
END
"$ctl" map feedback answer.xml --map "$here/configs/demo/town.osm" --json >feedback.json && fail 'a failure, and exit code 0'
grep -q '"element": "sign 50, lanelet2:way/2003"' feedback.json || { cat feedback.json; fail 'the sign is not named'; }
"$ctl" map feedback town.xml >/dev/null 2>log && fail 'a data set is no feedback'
grep -q 'no TN-ITS feedback' log || fail 'not said what it is not'
[ "$checked" -ge 5 ] || fail "only $checked data sets"
echo "$checked data sets are valid"
