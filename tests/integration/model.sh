#!/bin/bash
# rsuctl model as an authority and a researcher use it: a model from tables, its root set, exports, answers on tables, and one
# unit that is given them by order. usage: model.sh PROGRAMS-FOLDER
set -u
bin=$(cd "${1:?folder of programs}" && pwd)
root=$(cd "$(dirname "$0")/../.." && pwd)
data=${WAYSIDE_DATA:-$root/../shared/data}
out=$(mktemp -d)
unit=
cleanup() {
    [ -z "$unit" ] || kill "$unit" 2>/dev/null
    wait 2>/dev/null
    rm -rf "$out"
}
trap cleanup EXIT
data=$(cd "$data" 2>/dev/null && pwd)
cd "$out" || exit 1
bad=0
done=0

# expect CODE WORDS COMMAND...: exit code, and words (a pattern; empty: none) in what it prints
expect() {
    local code=$1 words=$2 got
    shift 2
    timeout 300 "$@" >log 2>&1
    got=$?
    done=$((done + 1))
    if [ $got -ne "$code" ] || { [ -n "$words" ] && ! grep -qaE -- "$words" log; }; then
        echo "FAILED  $*"
        echo "        exit code $got, expected $code with '$words':"
        sed 's/^/        /' log | head -n 20
        bad=$((bad + 1))
    fi
}
same() { cmp -s "$1" "$2" || { echo "$1 and $2 differ"; bad=$((bad + 1)); }; }
differ() { cmp -s "$1" "$2" && { echo "$1 and $2 are the same"; bad=$((bad + 1)); }; }
absent() { [ -e "$1" ] && { echo "$1 is there"; bad=$((bad + 1)); }; }
ctl=$bin/rsuctl

# ---- tables of our own: two classes that a line divides, a third one that is rare ----
table() { # SEED ROWS
    awk -v seed="$1" -v rows="$2" 'BEGIN {
        srand(seed)
        print "speed,limit,pulse,kind"
        for (i = 0; i < rows; i++) {
            over = 60 * rand() - 30; limit = 50 + 10 * int(5 * rand()); pulse = 60 + 40 * rand()
            kind = pulse > 98 ? "tired" : over > 0 ? "fast" : "calm"
            printf "%.2f,%d,%.1f,%s\n", limit + over, limit, pulse, kind
        }
    }'
}
table 1 2000 >a.csv
table 2 1500 >b.csv
cat >drive.schema <<'END'
label kind calm fast tired
feature speed - limit
feature pulse
block 10
END

# ---- new ----
new=("$ctl" model new --schema drive.schema --data a.csv b.csv)
expect 0 'm.wsfl: model of 2 inputs, 8 hidden, 3 classes: 51 parameters' "${new[@]}" --hidden 8 --out m.wsfl
expect 0 'norms from 2800 of 3500 rows, 280 of 350 blocks' "${new[@]}" --hidden 8 --out again.wsfl
same m.wsfl again.wsfl
expect 0 '9 parameters' "${new[@]}" --out flat.wsfl
expect 0 '"train_rows": 1750' "${new[@]}" --hidden 8 --train 50 --json --out half.wsfl
expect 0 '' "${new[@]}" --hidden 8 --seed 2 --out other.wsfl
differ m.wsfl other.wsfl
expect 0 '' "${new[@]}" --hidden 8 --split 2 --out split.wsfl
differ m.wsfl split.wsfl
expect 2 "'0.8' is not a number from 1 to 99" "${new[@]}" --train 0.8 --out x.wsfl
differ m.wsfl half.wsfl
expect 2 '--out is needed' "${new[@]}"
expect 2 '--schema and --data are needed' "$ctl" model new --data a.csv --out x.wsfl
expect 2 '--schema and --data are needed' "$ctl" model new --schema drive.schema --out x.wsfl
expect 2 'not a number from 0 to 1000' "${new[@]}" --hidden 1001 --out x.wsfl
expect 2 'not a number from 1 to 99' "${new[@]}" --train 100 --out x.wsfl
expect 3 'no.csv' "$ctl" model new --schema drive.schema --data no.csv --out x.wsfl
expect 3 'no.schema' "$ctl" model new --schema no.schema --data a.csv --out x.wsfl
expect 3 'absent/x.wsfl' "${new[@]}" --out absent/x.wsfl
printf 'label kind calm fast\nfeture speed\n' >typo.schema
expect 3 'typo.schema: .*line 2' "$ctl" model new --schema typo.schema --data a.csv --out x.wsfl
printf 'label kind calm fast tired\nfeature altitude\n' >column.schema
expect 3 'a.csv: .*altitude' "$ctl" model new --schema column.schema --data a.csv --out x.wsfl
printf 'speed,limit,pulse,kind\n' >empty.csv
expect 3 'no row that can be read' "$ctl" model new --schema drive.schema --data empty.csv --out x.wsfl
head -n 8 a.csv >few.csv
expect 1 'none of the 7 rows is to learn from: blocks of 10' "$ctl" model new --schema drive.schema --data few.csv --out x.wsfl
# A split that says little is told, but not in what programs read.
told() { grep -q "$1" log || { echo "not told: $1"; cat log; bad=$((bad + 1)); }; }
silent() { ! grep -qE 'chance|one by one' log || { echo 'told without need'; cat log; bad=$((bad + 1)); }; }
head -n 71 a.csv >seven.csv
expect 0 '5 of 7 blocks' "$ctl" model new --schema drive.schema --data seven.csv --out seven.wsfl
told 'only 2 of 7 blocks of 10 rows are to test on'
expect 0 'only 1 of 7 blocks of 10 rows is to learn from' "$ctl" model new --schema drive.schema --data seven.csv --train 20 --out seven.wsfl
expect 0 'model roots: only 2 of 7 blocks' "$ctl" model roots --model seven.wsfl --schema drive.schema --data seven.csv --out seven.roots
expect 0 '"blocks": 7' "$ctl" model new --schema drive.schema --data seven.csv --json --out seven.wsfl
told '"train_blocks": 5'
silent
head -n 241 a.csv >enough.csv
expect 0 '19 of 24 blocks' "$ctl" model new --schema drive.schema --data enough.csv --out seven.wsfl
silent
grep -v '^block' drive.schema >single.schema
expect 0 'rows are dealt out one by one' "$ctl" model new --schema single.schema --data a.csv --out seven.wsfl
rm seven.wsfl
head -c 4000 /dev/urandom >noise.csv
expect 3 'noise.csv|no row' "$ctl" model new --schema drive.schema --data noise.csv --out x.wsfl
absent x.wsfl
awk 'NR == 5 {print "1,2,3"; next} NR == 9 {$0 = "12,x,70,calm"} NR == 12 {sub(/[a-z]*$/, "drunk")} 1' FS=, a.csv >spoilt.csv
expect 0 'spoilt.csv: 1 rows left out: fields, the first in line 5' "$ctl" model new --schema drive.schema --data spoilt.csv --out s.wsfl
grep -q 'number, the first in line 9' log && grep -q 'label, the first in line 12' log || { cat log; bad=$((bad + 1)); }

# ---- show ----
hash=$("$ctl" model show m.wsfl | sed -n 's/^hash: *//p')
[ "$hash" = "$(sha256sum m.wsfl | cut -d ' ' -f 1)" ] || { echo "hash $hash is not the file's"; bad=$((bad + 1)); }
expect 0 'speed - limit +-?[0-9.]+ +1[67]\.' "$ctl" model show m.wsfl
expect 0 '^classes: +3: calm, fast, tired' "$ctl" model show m.wsfl
expect 0 "\"hash\": \"$hash\"" "$ctl" model show m.wsfl --json
expect 0 'hidden: +0 .logistic' "$ctl" model show flat.wsfl
expect 3 'no.wsfl' "$ctl" model show no.wsfl
expect 3 'a.csv: ' "$ctl" model show a.csv
head -c 100 m.wsfl >cut.wsfl
expect 3 'cut.wsfl: ' "$ctl" model show cut.wsfl
expect 3 '127.0.0.1:1' "$ctl" model show --http 127.0.0.1:1

# ---- roots ----
roots=("$ctl" model roots --schema drive.schema --data a.csv b.csv)
expect 0 'root set of [0-9]+ rows' "${roots[@]}" --model m.wsfl --out r.roots
expect 0 'calm +50 rows$' "${roots[@]}" --model m.wsfl --rows 50 --out r50.roots
expect 0 'tired +5 rows, too few to have a say' "${roots[@]}" --model m.wsfl --rows 5 --out r5.roots
expect 0 '"has_say": false' "${roots[@]}" --model m.wsfl --rows 5 --json --out r5.roots
expect 2 '--model and --out are needed' "${roots[@]}" --out x.roots
expect 2 'there is no option --seed' "${roots[@]}" --model m.wsfl --seed 2 --out x.roots
expect 3 'cut.wsfl' "${roots[@]}" --model cut.wsfl --out x.roots
printf 'label kind calm fast tired\nfeature speed\nfeature pulse\n' >swap.schema
expect 1 "input 0 is 'speed' in the schema, 'speed - limit' in the model" "$ctl" model roots --schema swap.schema --data a.csv --model m.wsfl --out x.roots
printf 'label kind fast calm tired\nfeature speed - limit\nfeature pulse\n' >turned.schema
expect 1 "class 0 is 'fast' in the schema" "$ctl" model roots --schema turned.schema --data a.csv --model m.wsfl --out x.roots
printf 'label kind calm fast\nfeature speed - limit\nfeature pulse\n' >less.schema
expect 1 '2 inputs and 2 classes, the model 2 and 3' "$ctl" model roots --schema less.schema --data a.csv --model m.wsfl --out x.roots
absent x.roots

# ---- test ----
expect 0 '^rows: +700 .test' "$ctl" model test m.wsfl --schema drive.schema --data a.csv b.csv --part test
expect 0 '^rows: +2800 .train' "$ctl" model test m.wsfl --schema drive.schema --data a.csv b.csv --part train
expect 0 '^rows: +3500 .all' "$ctl" model test m.wsfl --schema drive.schema --data a.csv b.csv
expect 0 '^accuracy: 0\.[0-9]{4} ' "$ctl" model test m.wsfl --roots r.roots
expect 0 '"recall": ' "$ctl" model test m.wsfl --roots r.roots --json
expect 0 '"kind": "label"' "$ctl" model test m.wsfl --schema drive.schema --data spoilt.csv --json
grep -q '"first_line": 12' log || { echo 'the line of a bad row is not told'; bad=$((bad + 1)); }
# What is counted adds up: rows on the tables' test part are those of the whole root set.
"$ctl" model roots --model m.wsfl --schema drive.schema --data a.csv b.csv --rows 100000 --out whole.roots >/dev/null
"$ctl" model test m.wsfl --roots whole.roots | tail -n 4 >by-roots
"$ctl" model test m.wsfl --schema drive.schema --data a.csv b.csv --part test | tail -n 4 >by-tables
same by-roots by-tables
expect 2 'all, train or test' "$ctl" model test m.wsfl --schema drive.schema --data a.csv --part most
expect 2 'goes without tables' "$ctl" model test m.wsfl --roots r.roots --schema drive.schema
expect 2 'are needed' "$ctl" model test m.wsfl
expect 1 "in the schema, 'speed - limit' in the model" "$ctl" model test m.wsfl --schema swap.schema --data a.csv
expect 1 'none of the 7 rows' "$ctl" model test m.wsfl --schema drive.schema --data few.csv --part train
expect 3 'm.wsfl: ' "$ctl" model test m.wsfl --roots m.wsfl
printf 'label kind calm fast tired\nfeature pulse\n' >one.schema
"$ctl" model new --schema one.schema --data a.csv --out one.wsfl >/dev/null
expect 1 '' "$ctl" model test one.wsfl --roots r.roots

# ---- export ----
expect 0 '' "$ctl" model export m.wsfl --format wsfl --out back.wsfl
same m.wsfl back.wsfl
expect 0 '' "$ctl" model export m.wsfl --format onnx --out m.onnx
grep -qa 'Softmax' m.onnx && grep -qa 'speed - limit' m.onnx || { echo 'the ONNX form lacks something'; bad=$((bad + 1)); }
expect 0 'hidden.weight' "$ctl" model export m.wsfl --format safetensors
expect 2 'onnx, safetensors or wsfl' "$ctl" model export m.wsfl --format pickle
expect 2 'onnx, safetensors or wsfl' "$ctl" model export m.wsfl
expect 3 'a.csv' "$ctl" model export a.csv --format onnx
expect 3 'absent/m.onnx' "$ctl" model export m.wsfl --format onnx --out absent/m.onnx
expect 3 '' bash -c "'$ctl' model export m.wsfl --format onnx >/dev/full"

# ---- one unit, by order ----
order=("$ctl" model order m.wsfl --genesis one/genesis.bin --admin one/rsu1/admin.sock)
expect 2 '--genesis, --admin and at least one --key' "$ctl" model order m.wsfl
expect 2 "'M' is no name of a model" bash -c "cp m.wsfl M.wsfl; '$ctl' model order M.wsfl --genesis g --key k --admin a"
expect 2 "'a_b' is no name" "$ctl" model order m.wsfl --name a_b --genesis g --key k --admin a
expect 3 'no.wsfl' "$ctl" model order no.wsfl --genesis g --key k --admin a
expect 3 'm.wsfl: ' "$ctl" model order m.wsfl --roots m.wsfl --genesis g --key k --admin a
expect 1 'r.roots: ' "$ctl" model order one.wsfl --roots r.roots --genesis g --key k --admin a
expect 1 'flat.wsfl is not the model that m.wsfl continues .none' "$ctl" model order m.wsfl --parent flat.wsfl --genesis g --key k --admin a
. "$root/tests/integration/free_ports.sh"
free_ports port 8
sed 's/safety_classes = 0/safety_classes = 4/' "$root/scripts/policies/urban.lua" >guards.lua
"$ctl" cell init --out one --map "$root/configs/demo/town.osm" --name one --policy guards.lua --validators 1 --authorities 2 --policy-quorum 2 \
    --base-port $port --http-port $((port + 1)) --block-interval-ms 50 >log 2>&1 || { cat log; exit 1; }
sed -i 's/^http: .*/http: unix:api.sock/' one/rsu1/rsud.yaml
expect 3 'admin.sock' "${order[@]}" --key one/authority/1.key
"$bin/rsud" --config one/rsu1/rsud.yaml >unit.log 2>&1 &
unit=$!
http=unix:$out/one/rsu1/api.sock
for _ in $(seq 2000); do
    [ "$("$ctl" cell status --http "$http" --json 2>/dev/null | sed -nE 's/^  "height": ([0-9]+),/\1/p')" -ge 3 ] 2>/dev/null && break
    kill -0 $unit 2>/dev/null || break
    sleep 0.1
done
both=(--key one/authority/1.key --key one/authority/2.key)
expect 1 '2 authorities must sign, 1 did' "${order[@]}" --key one/authority/1.key
expect 1 'no_model: no model is in force' "$ctl" model stop --genesis one/genesis.bin --admin one/rsu1/admin.sock "${both[@]}" --http "$http" --wait 240
expect 0 'accepted in block [0-9]+' "${order[@]}" --roots r.roots --name drive-1 "${both[@]}" --http "$http" --wait 240
grep 'guards class' log && bad=$((bad + 1))
for f in m.wsfl r.roots; do
    same $f "one/rsu1/data/materials/blobs/$(sha256sum $f | cut -d ' ' -f 1)"
done
expect 0 'version: +1 of the cell, called drive-1' "$ctl" model show --http "$http"
expect 0 "^hash: +$hash" "$ctl" model show 1 --http "$http"
expect 0 "^hash: +$hash" "$ctl" model show "$hash" --http "$http"
expect 0 '"name": "drive-1"' "$ctl" model show 1 --http "$http" --json
expect 1 'no model of version 9' "$ctl" model show 9 --http "$http"
expect 1 '404' "$ctl" model show "${hash//[0-9]/0}" --http "$http"
expect 0 '' "$ctl" model export 1 --format wsfl --out got.wsfl --http "$http"
same m.wsfl got.wsfl
rm got.wsfl
expect 0 '' "$ctl" model export "$hash" --format wsfl --out got.wsfl --http "$http"
same m.wsfl got.wsfl
expect 1 'no model|not of this hash|unit' "$ctl" model show "$(sha256sum r.roots | cut -d ' ' -f 1)" --http "$http"
expect 0 '"result": "ok"' "${order[@]}" "${both[@]}" --http "$http" --wait 240 --json
expect 0 '^root set: +none' "$ctl" model show --http "$http"
expect 0 '' "${roots[@]}" --model m.wsfl --rows 10 --out few.roots
expect 0 'guards class 2 "tired" .*there are 10 rows' "${order[@]}" --roots few.roots "${both[@]}" --http "$http" --wait 240
expect 2 "one word too many" "$ctl" model stop now
expect 0 'accepted in block [0-9]+' "$ctl" model stop --genesis one/genesis.bin --admin one/rsu1/admin.sock "${both[@]}" --http "$http" --wait 240
expect 1 'no model is in force' "$ctl" model show --http "$http"

# ---- rounds: none here, a cell of one has no committee for it ----
expect 1 'no round was opened yet: ' "$ctl" model round --http "$http"
expect 1 '404' "$ctl" model round 7 --http "$http"
expect 2 "'0' is no round" "$ctl" model round 0 --http "$http"
expect 3 '127.0.0.1:1' "$ctl" model round --http 127.0.0.1:1
expect 3 'no round was opened in this cell yet' "$ctl" model verify 1 --genesis one/genesis.bin --http "$http"
expect 3 '127.0.0.1:1' "$ctl" model verify 1 --genesis one/genesis.bin --http 127.0.0.1:1
expect 2 '--genesis is needed' "$ctl" model verify 1 --http "$http"
expect 2 'which round' "$ctl" model verify --genesis one/genesis.bin --http "$http"
expect 2 'is no round' "$ctl" model verify first --genesis one/genesis.bin --http "$http"
expect 2 'goes without --http and --save' "$ctl" model verify --genesis one/genesis.bin --http "$http" --from saved
expect 3 'saved: No such file' "$ctl" model verify --genesis one/genesis.bin --from saved
expect 3 'm.wsfl: ' "$ctl" model verify --genesis m.wsfl --from saved
mkdir saved
expect 3 '^missing +proof of open: ' "$ctl" model verify 1 --genesis one/genesis.bin --from saved
expect 3 'round 1: nothing is wrong in what was given, but' "$ctl" model verify 1 --genesis one/genesis.bin --from saved
expect 3 '"holds": null' "$ctl" model verify 1 --genesis one/genesis.bin --from saved --json
cp m.wsfl saved/open.proof
cp m.wsfl saved/record
expect 3 'unfit +proof of open: ' "$ctl" model verify 1 --genesis one/genesis.bin --from saved
expect 3 '^round 1 cannot be checked with what was given: ' "$ctl" model verify 1 --genesis one/genesis.bin --from saved
expect 3 '^the round cannot be checked with what was given: ' "$ctl" model verify --genesis one/genesis.bin --from saved
expect 2 'saved: not empty; nothing is written over' "$ctl" model verify 1 --genesis one/genesis.bin --http "$http" --save saved
expect 2 'm.wsfl: ' "$ctl" model verify 1 --genesis one/genesis.bin --http "$http" --save m.wsfl
expect 3 '"holds": null' "$ctl" model verify 1 --genesis one/genesis.bin --from saved --json
kill $unit
wait $unit
code=$?
unit=
[ $code -eq 0 ] || { echo "the unit stopped with $code:"; tail -n 5 unit.log; bad=$((bad + 1)); }

# ---- real tables ----
if [ -n "$data" ] && [ -d "$data/driving" ]; then
    printf 'label Class 0 1\nfeature AccX\nfeature AccY\nfeature AccZ\nwindow 20\nblock 5\n' >phone.schema
    phone=(--schema phone.schema --data "$data/driving/phone-imu/nazirkar_2021.csv")
    expect 0 'model of 15 inputs, 4 hidden, 2 classes' "$ctl" model new "${phone[@]}" --hidden 4 --out phone.wsfl
    expect 0 'AccX.deviation' "$ctl" model show phone.wsfl
    expect 0 'root set of' "$ctl" model roots "${phone[@]}" --model phone.wsfl --out phone.roots
    expect 0 '^accuracy: ' "$ctl" model test phone.wsfl "${phone[@]}" --part test
fi

echo "$done commands, $bad wrong"
[ $bad -eq 0 ]
