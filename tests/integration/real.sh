#!/bin/bash
# The real captures and map pairs, as their owner would run them. usage: real.sh PROGRAMS-FOLDER; data from WAYSIDE_DATA,
# default ../shared/data; exit 77 where it is absent.
set -eu
bin=${1:?folder of programs}
data=${WAYSIDE_DATA:-../shared/data}
[ -d "$data/v2x/captures" ] || { echo "no data at $data"; exit 77; }
data=$(cd "$data" && pwd)
town=$(cd "$(dirname "$0")/../../configs/demo" && pwd)
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
cd "$out"

# capture NAME VERDICT COUNT [MALFORMED]: every frame has a verdict, so many of them this one, none is admitted; the recording
# has the verdict as comment on every frame, and whoever dissects it finds no more malformed than in the original.
capture() {
    local file=$data/v2x/captures/$1
    "$bin/rsuctl" replay "$file" --map "$town/town.osm" --out replay --record heard.pcapng >log 2>&1 ||
        { cat log; exit 1; }
    local got
    got=$(grep -c ",$2," replay/frames.csv || true)
    [ "$got" -eq "$3" ] || { cut -d, -f4 replay/frames.csv | sort | uniq -c; echo "$1: $got frames $2 instead of $3"; exit 1; }
    grep -q '"taken": 0' replay/report.json || { echo "$1: something was admitted"; exit 1; }
    if command -v tshark >/dev/null; then
        # "frame stamp verdict" of both; the stamps to the nanosecond, so that nothing was lost on the way.
        tail -n +2 replay/frames.csv | cut -d, -f2-4 | tr , ' ' >said
        tshark -r heard.pcapng -T fields -e frame.number -e frame.time_epoch -e frame.comment 2>/dev/null |
            sed -E 's/\t/ /g; s/^([0-9]+ [0-9.]+ [a-z_]+):.*/\1/' >heard
        cmp -s said heard || { diff said heard | head -5; echo "$1: comments and frames.csv differ"; exit 1; }
        got=$(tshark -r heard.pcapng -Y _ws.malformed 2>/dev/null | wc -l)
        [ "$got" -eq "${4:-0}" ] || { echo "$1: $got frames malformed in the recording"; exit 1; }
    fi
    rm -r replay
}
capture its-g5-cam-secured-boslx.pcapng signature_good_issuer_unknown 9
capture its-g5-cam-secured-vanetza.pcap signature_good_issuer_unknown 2
capture its-g5-denm-secured-npra.pcap signature_good_issuer_unknown 5
capture its-g5-cam-cpm-unsecured-msvan3t.pcapng unsecured 929 3
capture wsmp-bsm-signed-commsignia.pcap issuer_unknown 511
capture wsmp-map-signed-commsignia.pcap issuer_unknown 103

# pair OLD NEW SECONDS: simulated vehicles on NEW, the cell holds OLD; leaves the found changes in `found`
pair() {
    "$bin/obusim" --map "$data/maps/lanelet2/$1" --world "$data/maps/lanelet2/$2" --vehicles 40 --cam-hz 0 \
        --change-at 0 --duration "$3" --seed 3 --pki trust --out drive.pcap >sim.log 2>&1 || { cat sim.log; exit 1; }
    "$bin/rsuctl" replay drive.pcap --map "$data/maps/lanelet2/$1" --trust trust --out replay >log 2>&1 || { cat log; exit 1; }
    grep -E '"what":' replay/report.json | sed -E 's/.*"what": "([^,]*),.*/\1/' | sort | uniq -c >found || true
    rm -r replay
}
expect() { # COUNT TEXT
    grep -qE "^ *$1 $2\$" found || { cat found; echo "expected $1 times: $2"; exit 1; }
}
pair zalazone_unitrack_mapversion6.osm zalazone_unitrack_mapversion7.osm 120
grep -q 're-georeferenced' sim.log || { cat sim.log; echo 'the shift was not reported'; exit 1; }
expect 2 'speed limit 40 -> 20 km/h'
[ "$(wc -l <found)" -eq 1 ] || { cat found; echo 'more than the two real changes'; exit 1; }

"$bin/rsuctl" map diff "$data"/maps/lanelet2/zalazone_unitrack_mapversion{6,7}.osm >moved
grep -q '^re-georeferenced: everything moved 1000[0-9]*\.[0-9]* m south' moved &&
    grep -q '^2 changes: 0 new, 2 modified, 0 removed$' moved || { cat moved; echo 'map diff: the move was not taken out'; exit 1; }

pair circuit_v1.osm circuit_v2.osm 300
expect 2 'speed limit 100 -> 40 km/h'
