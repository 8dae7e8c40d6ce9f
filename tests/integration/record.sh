#!/bin/bash
# A unit records what it hears; a researcher replays the files and gets the same verdicts. usage: record.sh PROGRAMS-FOLDER
set -u
bin=${1:?folder of programs}
town=$(cd "$(dirname "$0")/../../configs/demo" && pwd)
out=$(mktemp -d)
pid=
stop() {
    [ -z "$pid" ] || kill "$pid" 2>/dev/null
    wait 2>/dev/null
    rm -rf "$out"
}
trap stop EXIT
fail() {
    echo "record.sh: $1"
    tail -n 5 "$out/rsu.log" 2>/dev/null
    exit 1
}
start_time=2026-06-01T08:00:00Z
"$bin/obusim" --map "$town/town.osm" --world "$town/town-world.osm" --vehicles 12 --cam-hz 2 --duration 90 --seed 7 \
    --start "$start_time" --pki "$out/trust" --out "$out/drive.pcap" >/dev/null || fail 'obusim'
"$bin/rsuctl" cell init --out "$out/cell" --map "$town/town.osm" --trust "$out/trust" --validators 1 --capture "$out/drive.pcap" \
    --clock-rate 4 --clock-epoch "$start_time" --block-interval-ms 500 >"$out/init.log" 2>&1 || { cat "$out/init.log"; fail 'cell init'; }
yaml=$out/cell/rsu1/rsud.yaml
[ -f "$yaml" ] || yaml=$(ls "$out"/cell/rsu*/rsud.yaml | head -n 1)
cat >>"$yaml" <<END
record: {folder: $out/record, file_mb: 1, reserve_mb: 0}
END
# Two threads, so that the files are written from both; and messages wait for their certificate as long as in a replay.
sed -i -E 's/^  - kind: capture/&\n    workers: 2/; s/future_ms: 60000,/& wait_ms: 60000,/' "$yaml"
"$bin/rsud" --config "$yaml" --check >"$out/rsu.log" 2>&1 || fail '--check'
"$bin/rsud" --config "$yaml" >>"$out/rsu.log" 2>&1 &
pid=$!
http=$(sed -nE 's/^http: *//p' "$yaml")
metrics() { curl -s "http://$http/metrics"; }
deadline=$((SECONDS + 600))
until metrics | grep -q '^wayside_port_capture_finished{port="0"} 1$'; do
    [ $SECONDS -lt $deadline ] || fail 'the capture does not end'
    kill -0 "$pid" 2>/dev/null || fail 'the unit stopped'
    sleep 0.5
done
metrics | sed -nE 's/^wayside_frames_total\{port="0",verdict="([a-z_]+)"\} ([1-9][0-9]*)$/\1 \2/p' | sort >"$out/live"
kill "$pid"
wait "$pid" || fail 'the unit did not stop in order'
pid=
frames=$(awk '{ sum += $2 } END { print sum }' "$out/live")
[ "$frames" -gt 500 ] || fail "only $frames frames"
[ "$(find "$out/record" -type f -name 'wayside-*.pcapng' -perm 600 | wc -l)" -eq "$(find "$out/record" -type f | wc -l)" ] || fail 'files of another name or mode'

"$bin/rsuctl" replay "$out"/record/*.pcapng --map "$town/town.osm" --trust "$out/trust" --out "$out/again" >/dev/null 2>&1 || fail 'replay'
lines=$(($(wc -l <"$out/again/frames.csv") - 1))
[ "$lines" -eq "$frames" ] || fail "$frames frames heard, $lines recorded"
column=$(head -n 1 "$out/again/frames.csv" | tr ',' '\n' | grep -n '^verdict$' | cut -d: -f1)
[ -n "$column" ] || fail 'no verdicts in frames.csv'
tail -n +2 "$out/again/frames.csv" | cut -d, -f"$column" | sort | uniq -c | awk '{ print $2, $1 }' | sort >"$out/replayed"
diff "$out/live" "$out/replayed" >"$out/differ" || { cat "$out/differ"; fail 'other verdicts when replayed'; }
# Each frame names its port, also in a recording of the recording.
"$bin/rsuctl" replay "$out"/record/*.pcapng --map "$town/town.osm" --trust "$out/trust" --record "$out/one.pcapng" --out "$out/once" \
    >/dev/null 2>&1 || fail 'replay of the recording into one file'
grep -qa 'port 0 capture' "$out/one.pcapng" || fail 'the recording does not name the port'
if command -v tshark >/dev/null; then
    for f in "$out"/record/*.pcapng; do tshark -r "$f" -T fields -e frame.comment 2>/dev/null; done |
        sed 's/:.*//' | sort | uniq -c | awk '{ print $2, $1 }' | sort >"$out/comments"
    [ "$(tshark -r "$out/one.pcapng" -T fields -e frame.interface_name 2>/dev/null | sort | uniq -c | awk '{ print $1, $2, $3, $4 }')" = \
        "$frames port 0 capture" ] || fail 'not every frame names its port'
    diff "$out/live" "$out/comments" >"$out/differ" || { cat "$out/differ"; fail 'other verdicts in the comments'; }
fi
echo "record.sh: $frames frames recorded and replayed: $(tr '\n' ';' <"$out/live")"
