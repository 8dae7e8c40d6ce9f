#!/bin/bash
# Vehicles that learn with a running cell: four rsud, each with an interface that it hears and a door for uploads; vehicles that train on
# slices of driving data, three of them boosted sign-flippers; rounds closed by nothing but the processes. A unit is killed in the middle of a
# round and starts again, another one is dead for a whole round. What is learnt is worth something, a bad vehicle is found out, all
# units have the same model, and no sealed share is left.
# usage: learning.sh PROGRAMS-FOLDER
set -u
data=${WAYSIDE_DATA:-$(cd "$(dirname "$0")/../.." && pwd)/../shared/data}/driving/polidriving
[ -r "$data/alonso_23241201_290300_lab.csv" ] || { echo 'learning.sh: the driving data are not there'; exit 77; }
[ "$(id -u)" = 0 ] && [ -w /dev/net/tun ] || { echo 'learning.sh: needs root and /dev/net/tun'; exit 77; }
. "$(dirname "$0")/units.sh" "${1:-}"
door=$((base + 4))
tap=wl$$

cat >"$out/schema" <<'END'
label risk_level 1 2 3 4
feature observation_hour|time
feature speed
feature rpm
feature acceleration
feature throttle_position
feature engine_temperature
feature engine_load_value
feature heart_rate
feature current_weather
feature visibility
feature precipitation
feature accidents_onsite
feature design_speed
feature accidents_time else 0
block 300
END
tables=(--schema "$out/schema" --data "$data/alonso_23241201_290300_lab.csv" --data "$data/furious_20231226_150915_lab.csv")
# Steps that are soon over when all have spoken; suspicion that needs fewer rounds.
sed -E 's/every_s = [^,]*/every_s = 1/; s/submit_s = [^,]*/submit_s = 5/; s/attest_s = [^,]*/attest_s = 6/
    s/open_s = [^,]*/open_s = 60/; s/judge_s = [^,]*/judge_s = 60/; s/quarantine = nats\(13\)/quarantine = nats(4)/' \
    "$repo/scripts/policies/urban.lua" >"$out/quick.lua"

"$bin/obusim" --learn --prepare --pki "$out/trust" || fail 'obusim --learn --prepare'
ctl cell init --out "$cell" --map "$town/town.osm" --trust "$out/trust" --policy "$out/quick.lua" --validators 4 --base-port "$base" \
    --http-port "$http" --block-interval-ms 250 >"$out/init.log" 2>&1 || { cat "$out/init.log"; fail 'cell init'; }
units=()
for i in 1 2 3 4; do
    yaml=$cell/rsu$i/rsud.yaml
    sed -i '/^ports:/,/^[^ ]/{/^ports:/d;/^  /d}' "$yaml"
    cat >>"$yaml" <<END
ports: [{kind: tap, interface: $tap$i}]
learning: {upload: "127.0.0.1:$((door + i - 1))", uploads: 64, store_mb: 256}
END
    units+=(--unit "127.0.0.1:$((http + i - 1)),$tap$i")
    start $i
done
for i in 1 2 3 4; do wait_for 60 "unit $i makes blocks" at_least $i 2; done
ctl model new "${tables[@]}" --hidden 32 --out "$out/first.wsfl" >"$out/said" 2>&1 || fail 'model new'
ctl model roots --model "$out/first.wsfl" "${tables[@]}" --out "$out/roots" >"$out/said" 2>&1 || fail 'model roots'
ctl model order "$out/first.wsfl" --roots "$out/roots" --name risk --genesis "$cell/genesis.bin" --key "$cell/authority/1.key" \
    --admin "$cell/rsu1/admin.sock" --http "127.0.0.1:$http" --wait 240 >"$out/said" 2>&1 || fail 'model order'

# A round without vehicles is aborted, and that can be checked.
aborted() { [[ "$(ctl model round 1 --http "127.0.0.1:$http" --json 2>/dev/null)" == *'"result": "aborted"'* ]]; }
wait_for 60 'a round without vehicles is aborted' aborted
ctl model verify 1 --genesis "$cell/genesis.bin" --http "127.0.0.1:$http" >"$out/verified" 2>&1 &&
    grep -q 'round 1 was aborted: too_few_submissions' "$out/verified" || { cat "$out/verified"; fail 'it cannot be checked'; }
ctl model round 1 --http "127.0.0.1:$http" >"$out/said" && grep -q '^needed: *24 vehicles' "$out/said" || fail 'how many are needed is not said'

said=$out/rounds # a line of JSON for each round
"$bin/obusim" --learn "${units[@]}" --genesis "$cell/genesis.bin" --pki "$out/trust" "${tables[@]}" --vehicles 64 --absent 0.1 \
    --vanish 0.02 --poison sign-flip --poison-share 0.05 --boost 10 --seed 3 --json >"$said" 2>"$out/obusim.err" &
pid[9]=$!
closed() { grep -c '"result": "closed"' "$said"; }
closed_at_least() { [ "$(closed)" -ge "$1" ]; }
learning() { curl -s "http://127.0.0.1:$((http + $1 - 1))/v1/learning" | tr -d ' \n'; } # UNIT
in_the_middle() { # so many vehicles have said that they take part, and more may
    learning 1 | grep -qE '"phase":"submitting".*"submissions":([1-9][0-9]+)'
}
value() { tail -n 1 <<<"$1" | sed -nE "s/.*\"$2\": ([0-9.]+).*/\1/p"; } # LINES NAME
suspects() { # bad|honest: of the last round, so many are quarantined or excluded
    tail -n 1 "$said" | sed -nE "s/.*\"$1\": \{[^}]*\"quarantined\": ([0-9]+), \"excluded\": ([0-9]+)\}.*/\1 \2/p" | awk '{ print $1 + $2 }'
}
drive_on() { kill -0 "${pid[9]}" 2>/dev/null || { cat "$out/obusim.err"; fail 'the vehicles have stopped'; }; }
wait_for 40 'two rounds close' closed_at_least 2

# Killed in the middle of a round, and started again.
wait_for 40 'a round is under way' in_the_middle
kill -9 "${pid[2]}"
wait "${pid[2]}" 2>/dev/null
before=$(closed)
start 2
wait_for 60 'rounds close with a unit that was killed' closed_at_least $((before + 2))
wait_for 60 'the unit that was killed goes on' at_least 2 "$(height 1)"

# Dead for a whole round: a quorum closes it.
kill -9 "${pid[4]}"
wait "${pid[4]}" 2>/dev/null
before=$(closed)
wait_for 90 'rounds close without a unit' closed_at_least $((before + 2))
start 4
before=$(closed)
wait_for 60 'rounds close again with all units' closed_at_least $((before + 1))
drive_on

# Of three bad vehicles one has soon been in so many bad groups in succession that it is found out; how many are in the end is for many rounds to say (bench_fl_learn).
found() { [ "$(suspects bad)" -ge 1 ]; }
wait_for 120 'a bad vehicle is found out' found
kill "${pid[9]}"
wait "${pid[9]}" 2>/dev/null
pid[9]=
grep -qE '"groups": \{[^}]*"(norm|distance|range|direction)": [0-9]' "$said" || { cat "$said"; fail 'no group was refused by name'; }
grep -q '"changed_unit": [1-9]' "$said" || { cat "$said"; fail 'nobody went to another unit'; }
grep -q '"vanished": [1-9]' "$said" || { cat "$said"; fail 'nobody vanished'; }
[ "$(suspects honest)" -le 9 ] || { cat "$said"; fail 'honest vehicles are under suspicion'; }
# Honest ones who are quarantined or excluded stay away from the rounds that follow: of those who were so before the last round, some did.
awk '/"honest": / {
        match($0, /"set_apart": [0-9]+/)
        away = substr($0, RSTART + 13, RLENGTH - 13) + 0
        sub(/.*"honest": [^,]*,/, "")
        gsub(/[^0-9]+/, " ")
        split($0, n, " ")
        bad = bad || away > n[1] + n[2]
        all += away
        due += before
        before = n[1] + n[2]
    }
    END { exit bad || (due >= 4 && all == 0) }' "$said" || { cat "$said"; fail 'who is set apart comes, or who is free does not'; }
first=$(head -n 1 "$said")
last=$(grep '"result": "closed"' "$said" | tail -n 1)
awk -v a="$(value "$first" accuracy)" -v b="$(value "$last" accuracy)" 'BEGIN { exit !(b >= a + 0.2 && b >= 0.6) }' ||
    { cat "$said"; fail 'nothing was learnt'; }

# All have the same model, and no share of any vehicle's key.
same_model() {
    local one
    one=$(learning 1 | grep -oE '"model":\{[^}]*\}' | grep -oE '"(version|hash)":[^,]*')
    [ -n "$one" ] || return 1
    for i in 2 3 4; do
        [ "$(learning $i | grep -oE '"model":\{[^}]*\}' | grep -oE '"(version|hash)":[^,]*')" = "$one" ] || return 1
    done
}
no_shares() { [ -z "$(find "$cell"/rsu?/data/materials -name '*.bundles' 2>/dev/null)" ]; }
wait_for 60 'all units have the same model' same_model
wait_for 60 'sealed shares are erased' no_shares
# An outsider finds the same, and what was changed.
over=$(ctl model round --http "127.0.0.1:$http" --json | sed -nE 's/^  "number": ([0-9]+),?$/\1/p')
until [[ $over -le 1 || "$(ctl model round "$over" --http "127.0.0.1:$http" --json)" == *'"result": "closed"'* ]]; do over=$((over - 1)); done
bash "$(dirname "$0")/verify_round.sh" "$bin" "$over" "$cell/genesis.bin" "127.0.0.1:$http" >"$out/verified" 2>&1 ||
    { cat "$out/verified"; fail "round $over does not hold"; }
# What a unit does not keep (any more) is no word against the round.
forgotten=$cell/rsu4/data/materials/rounds/$over
for lost in submission record; do
    if [ $lost = record ]; then rm "$forgotten/record"; else find "$forgotten" -type f ! -name record -delete; fi
    ctl model verify "$over" --genesis "$cell/genesis.bin" --http "127.0.0.1:$((http + 3))" >"$out/verified" 2>&1
    [ $? -eq 3 ] && grep -qE "^missing .*$lost" "$out/verified" && ! grep -q '^FAILS' "$out/verified" ||
        { cat "$out/verified"; fail "a $lost that is not kept is no longer told from a wrong one"; }
done
for i in 1 2 3 4; do
    [ "$(find "$cell/rsu$i/data/materials/rounds" -type f -size +1k | wc -l)" -ge 64 ] || fail "unit $i keeps nothing for audits"
    end $i
done
no_complaints
echo "learning: $(closed) rounds closed, accuracy $(value "$first" accuracy) to $(value "$last" accuracy), suspected $(suspects bad) of 3 bad and $(suspects honest) of 61 honest"
