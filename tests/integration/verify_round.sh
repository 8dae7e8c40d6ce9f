#!/bin/bash
# A round that a unit's cell has closed, gone through again by an outsider: from the unit, from what was saved, and with parts of that
# changed. usage: verify_round.sh PROGRAMS-FOLDER ROUND GENESIS HTTP-ADDRESS
set -u
bin=$(cd "${1:?folder of programs}" && pwd)
round=${2:?round}
genesis=$(realpath "${3:?genesis}")
http=${4:?address}
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
cd "$out" || exit 1
bad=0
done=0
# expect CODE WORDS COMMAND...
expect() {
    local code=$1 words=$2 got
    shift 2
    timeout 120 "$@" >log 2>&1
    got=$?
    done=$((done + 1))
    if [ $got -ne "$code" ] || { [ -n "$words" ] && ! grep -qaE -- "$words" log; }; then
        echo "FAILED  $*"
        echo "        exit code $got, expected $code with '$words':"
        sed 's/^/        /' log | head -n 40
        bad=$((bad + 1))
    fi
}
# Only these lines are unfit, and nothing is said about the round.
only() { # WORDS
    [ "$(grep -cE '^(FAILS|unfit|missing)' log)" -eq "$(grep -cE "^unfit +$1" log)" ] || { echo "more than $1:"; cat log; bad=$((bad + 1)); }
    grep -qE '^(the round|round [0-9]+) cannot be checked with what was given: .*nothing is said about the round$' log ||
        { echo 'no word of what was given:'; tail -n 1 log; bad=$((bad + 1)); }
}
ctl=$bin/rsuctl
again=("$ctl" model verify --genesis "$genesis" --from kept)
fresh() {
    rm -rf kept
    cp -r saved kept
}
flip() { # FILE OFFSET: one bit
    local octet
    octet=$(od -An -tu1 -j "$2" -N 1 "$1" | tr -d ' ')
    printf "\\x$(printf %02x $((octet ^ 1)))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

expect 0 "^round $round holds: in the cell with fingerprint [0-9a-f]{64} (it goes from model [0-9a-f]{64} to model|the model stays) [0-9a-f]{64}$" \
    "$ctl" model verify "$round" --genesis "$genesis" --http "$http" --save saved --out found.wsfl
for step in 'proof of open' 'proof of end' 'proof of suspect' seed cut_off groups draw opened submissions outcome model suspect; do
    grep -q "^ok  *$step: " log || { echo "no line of '$step':"; cat log; bad=$((bad + 1)); }
done
expect 0 "^round +: *$round, closed|^round: +$round, closed" "$ctl" model round "$round" --http "$http"
expect 0 '"result": "closed"' "$ctl" model round "$round" --http "$http" --json
grep -q '"class_names": \[' log || { echo 'classes have no names:'; cat log; bad=$((bad + 1)); }
expect 0 '^vehicles: +[0-9]+ included, [0-9]+ groups, [0-9]+ opened, [0-9]+ given up$' "$ctl" model round "$round" --http "$http"
grep -qE '^ +[0-9]+ +[0-9.]+ +[0-9.]+  class 0 "[^"]+"$' log || { echo 'class 0 has no name:'; cat log; bad=$((bad + 1)); }
expect 0 '"result": "closed"' "$ctl" model round "$round" --http "$http" --json
# What was found again is what the unit has, and what is in the line of versions.
hash=$(sha256sum found.wsfl | cut -d ' ' -f 1)
grep -q "\"hash\": \"$hash\"" log || { echo "the round does not name the model that was found: $hash"; bad=$((bad + 1)); }
expect 0 "^hash: +$hash" "$ctl" model show found.wsfl
expect 0 "^round $round holds: .* $hash$" "$ctl" model verify "$round" --genesis "$genesis" --from saved
sed -nE 's/^round .* with fingerprint ([0-9a-f]{64}) .*/\1/p' log >fingerprint
expect 0 "^round $round holds" "$ctl" model verify "$round" --genesis "$genesis" --fingerprint "$(cat fingerprint)" --from saved
# Evidence is not written over.
expect 2 'saved: not empty; nothing is written over' "$ctl" model verify "$round" --genesis "$genesis" --http "$http" --save saved
expect 2 'found.wsfl: ' "$ctl" model verify "$round" --genesis "$genesis" --http "$http" --save found.wsfl
fresh
expect 0 "^round $round holds" "${again[@]}"
expect 0 '"holds": true' "${again[@]}" "$round" --json
expect 3 "kept: round $round is kept there, and not $((round + 1))" "${again[@]}" $((round + 1))
expect 3 "no round $((round + 100000)) yet" "$ctl" model verify $((round + 100000)) --genesis "$genesis" --http "$http"

# ---- parts of it not given: nothing is said against the round ----
unknown() {
    grep -qE '^(FAILS|unfit)' log && { echo 'what is missing fails:'; cat log; bad=$((bad + 1)); }
    grep -q "^round $round: nothing is wrong in what was given, but" log || { echo 'no word of what is missing:'; cat log; bad=$((bad + 1)); }
}
mv kept/record kept/other
expect 3 '^missing record: ' "${again[@]}"
unknown
fresh
rm kept/materials/*
expect 3 '^missing group [0-9]+, submission [0-9]+: what it sent was not given' "${again[@]}"
unknown
fresh
rm -r kept/files
expect 3 '^missing file [0-9a-f]{64}: the (model|root set)[a-z ]* was not given' "${again[@]}"
unknown
for step in open seed cut_off groups opened end suspect; do
    fresh
    rm "kept/$step.proof"
    expect 3 "^missing proof of $step: " "${again[@]}" "$round"
    unknown
done
fresh

# ---- parts of it changed: that is no word about the round either ----
mapfile -t ids < <(ls saved/materials)
flip "kept/materials/${ids[3]}" $(($(stat -c %s "saved/materials/${ids[3]}") - 1))
expect 3 'unfit +group [0-9]+, submission [0-9]+: its ciphertext is not the one' "${again[@]}"
only 'group'
fresh
cp "saved/materials/${ids[1]}" "kept/materials/${ids[2]}"
expect 3 'unfit +group [0-9]+, submission [0-9]+: its cover is not what the vehicle signed' "${again[@]}"
only 'group'
rm "kept/materials/${ids[2]}"
expect 3 '^missing group [0-9]+, submission [0-9]+: what it sent was not given' "${again[@]}"
unknown
fresh
flip kept/record 40
expect 3 'unfit +(open|record): ' "${again[@]}"
only '(open|record): '
fresh
flip kept/record $(($(stat -c %s saved/record) - 1))
expect 3 'unfit +opened: group [0-9]+: ' "${again[@]}"
only 'opened: '
fresh
cp kept/seed.proof kept/cut_off.proof
expect 3 'unfit +cut_off: what is proven is another event' "${again[@]}"
only 'cut_off: '
for step in open seed cut_off groups opened end suspect; do
    fresh
    flip "kept/$step.proof" $(($(stat -c %s "saved/$step.proof") - 20))
    expect 3 "^unfit +proof of $step: " "${again[@]}"
    only "proof of $step: "
    expect 3 '"holds": null' "${again[@]}" --json
done
fresh
for f in kept/files/*; do flip "$f" 100; done
expect 3 'unfit +file [0-9a-f]{64}: [a-z ]+: the [0-9]+ octets given for it have another SHA-256' "${again[@]}"
only 'file '

# ---- the cell's randomness ----
fresh
for value in seed draw; do
    [ -f kept/${value}_value.proof ] || continue
    rm kept/${value}_value.proof
    expect 0 "skipped $value value: .*no proof of that randomness was given" "${again[@]}"
    what=$([ $value = seed ] && echo 'seed follows' || echo 'groups follow')
    grep -q "^round $round holds, as far as it was looked at: .*; that its $what from the cell's randomness was not looked at, because no proof" log ||
        { echo 'no word of what was skipped:'; cat log; bad=$((bad + 1)); }
    fresh
    flip kept/${value}_value.proof 200
    expect 3 "unfit +$value value: " "${again[@]}"
    only "$value value: "
    fresh
done
echo "$done commands, $bad wrong"
[ $bad -eq 0 ]
