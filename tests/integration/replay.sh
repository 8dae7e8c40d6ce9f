#!/bin/bash
# Replay as a researcher uses it: exactly the three changes of the demo town, the same octets twice, proofs that hold under
# the genesis and no longer hold when one octet is altered. usage: replay.sh PROGRAMS-FOLDER
set -eu
bin=${1:?folder of programs}
town=$(cd "$(dirname "$0")/../../configs/demo" && pwd)
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
cd "$out"

"$bin/obusim" --map "$town/town.osm" --world "$town/town-world.osm" --vehicles 20 --duration 420 --change-at 60 --seed 7 \
    --pki trust --out drive.pcap >/dev/null
for run in a b; do
    "$bin/rsuctl" replay drive.pcap --map "$town/town.osm" --trust trust --out "$run" >/dev/null 2>&1
done
diff -r a b >/dev/null || { echo 'two replays of the same input differ'; exit 1; }

changes=$(grep -c '"what":' a/report.json)
[ "$changes" -eq 3 ] || { grep '"what":' a/report.json; echo "$changes changes instead of 3"; exit 1; }
grep -q 'sign 50 -> 30, lanelet2:way/2003' a/report.json
grep -q 'removed, lanelet2:way/2010' a/report.json
grep -q 'new sign 30' a/report.json
# The code that other tools read says the same as the figure.
grep -q 'de274-30' a/diffs.osc
lines=$(($(wc -l <a/frames.csv) - 1))
frames=$(sed -nE 's/^  "frames": ([0-9]+),?$/\1/p' a/report.json)
[ "$lines" -eq "$frames" ] || { echo "$lines lines in frames.csv for $frames frames"; exit 1; }

"$bin/rsuctl" map verify --genesis a/genesis.bin a/proofs/*.proof >/dev/null
for proof in a/proofs/*.proof; do
    # One bit of an octet in the middle of the header, and one near the end, in the event.
    for at in 100 $(($(stat -c %s "$proof") - 20)); do
        cp "$proof" bad.proof
        octet=$(od -An -tu1 -j "$at" -N 1 bad.proof | tr -d ' ')
        printf "$(printf '\\%03o' $((octet ^ 1)))" | dd of=bad.proof bs=1 seek="$at" conv=notrunc 2>/dev/null
        status=0
        "$bin/rsuctl" map verify --genesis a/genesis.bin bad.proof >/dev/null 2>&1 || status=$?
        [ "$status" -eq 1 ] || { echo "an altered proof gives exit $status"; exit 1; }
    done
done

# A capture cut in the middle of a frame: what came before it is replayed as if the capture had ended there, the message names
# file and place, the report the place, and the exit code says that it is not all.
head -c 100000 drive.pcap >cut.pcap
status=0
"$bin/rsuctl" replay cut.pcap --map "$town/town.osm" --trust trust --record cut-heard.pcapng --out cut >cut.log 2>&1 || status=$?
[ "$status" -eq 3 ] && grep -q 'cut.pcap: record [0-9]*: ' cut.log || { cat cut.log; echo "a cut capture gives exit $status"; exit 1; }
whole=$(sed -nE 's/^ *"frames": ([0-9]+),?$/\1/p' cut/report.json | head -n 1)
[ "$whole" -gt 100 ] && grep -q "\"cut\": \"record $((whole + 1)): " cut/report.json || { echo 'the report does not say where the cut is'; exit 1; }
grep -q "no further than its frame $whole:" cut/report.html
cmp -s <(head -n $((whole + 1)) a/frames.csv) cut/frames.csv || { echo 'a cut capture is not replayed up to the cut'; exit 1; }
grep -q '"cut": null' a/report.json
# With another behind it that continues it, nothing but the cut frame is missing.
status=0
"$bin/rsuctl" replay cut.pcap drive.pcap --map "$town/town.osm" --trust trust --record both.pcapng --out both >/dev/null 2>&1 || status=$?
[ "$status" -eq 3 ] && [ "$(grep -c '^2,' both/frames.csv)" -eq "$lines" ] || { echo "a cut capture ends the list: exit $status"; exit 1; }
# Packed captures are read as they are.
gzip -c drive.pcap >drive.pcap.gz
"$bin/rsuctl" replay drive.pcap.gz --map "$town/town.osm" --trust trust --out packed >/dev/null 2>&1
diff -r a packed >/dev/null || { echo 'a packed capture gives another answer'; exit 1; }
# Nothing but damage is no capture.
head -c 60 drive.pcap >stump.pcap
status=0
"$bin/rsuctl" replay stump.pcap --map "$town/town.osm" --trust trust --out stump >cut.log 2>&1 || status=$?
[ "$status" -eq 3 ] && grep -q 'stump.pcap: record 1: ' cut.log || { cat cut.log; echo "a stump gives exit $status"; exit 1; }
[ ! -e stump/report.json ] || { echo 'a failed replay left a report'; exit 1; }

# Every frame with its verdict as comment; the recording replays to the same verdicts; a reader of others sees the comments.
"$bin/rsuctl" replay drive.pcap --map "$town/town.osm" --trust trust --record heard.pcapng --out c >/dev/null 2>&1
"$bin/rsuctl" replay heard.pcapng --map "$town/town.osm" --trust trust --out d >/dev/null 2>&1
cmp -s <(cut -d, -f2- c/frames.csv) <(cut -d, -f2- d/frames.csv) || { echo 'a recording replays to other verdicts'; exit 1; }
if command -v tshark >/dev/null; then
    said=$(tshark -r heard.pcapng -T fields -e frame.comment 2>/dev/null | grep -c '^verified')
    [ "$said" -eq "$(grep -c ',verified,' c/frames.csv)" ] || { echo "$said comments say verified"; exit 1; }
    ! tshark -r heard.pcapng -Y _ws.malformed 2>/dev/null | grep -q . || { echo 'the recording is malformed'; exit 1; }
fi
status=0
"$bin/rsuctl" replay drive.pcap --map "$town/town.osm" --trust trust --record no/such/folder/x --out e >e.log 2>&1 || status=$?
[ "$status" -eq 3 ] && grep -q 'no/such/folder/x' e.log || { cat e.log; echo "no folder to record to: exit $status"; exit 1; }
status=0
"$bin/rsuctl" replay - --map "$town/town.osm" --out e <drive.pcap >e.log 2>&1 || status=$?
[ "$status" -eq 2 ] && grep -q 'no file' e.log || { cat e.log; echo "standard input: exit $status"; exit 1; }
