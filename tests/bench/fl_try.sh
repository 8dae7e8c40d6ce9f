#!/bin/bash
# bench_fl_learn try on a table of our own: what is asked for is run and told, and what cannot be is refused by name.
# usage: fl_try.sh PROGRAM
set -eu
program=${1:?bench_fl_learn}
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
printf 'label kind calm hasty\nfeature a\nfeature b\nblock 4\n' > "$out/schema"
for part in 1 2; do
    awk -v seed="$part" 'BEGIN { srand(seed); print "a;b;kind"
        for (i = 0; i < 600; i++) { a = rand(); b = rand(); printf "%.4f;%.4f;%s\n", a, b, (a + b > 1 ? "hasty" : "calm") } }' > "$out/$part.csv"
done
"$program" try --schema "$out/schema" --data "$out/1.csv" "$out/2.csv" --hidden 0 --vehicles 32 --rounds 20 --seeds 2 --share 10 \
    --attack sign-flip --attack boost=-3 --attack label-flip > "$out/said"
grep -q '^1200 rows of 2 inputs and 2 classes' "$out/said"
grep -q '^32 vehicles, 32 with rows' "$out/said"
[ "$(grep -c 'against clean' "$out/said")" = 3 ] || { cat "$out/said"; exit 1; }
grep -q '^boosted x-3, 3 of 32' "$out/said"
# The line is easily found; without attackers most of the rows left aside are told apart.
awk '/^no attackers/ { good = $3 > 0.9 } END { exit !good }' "$out/said" || { cat "$out/said"; exit 1; }
refuses() { # EXIT-CODE ARGUMENT...
    want=$1
    shift
    code=0
    "$program" try "$@" > "$out/refused" 2>&1 || code=$?
    [ "$code" = "$want" ] && [ -s "$out/refused" ] || { echo "$* gives $code"; exit 1; }
}
refuses 2
refuses 2 --schema "$out/schema"
refuses 2 --schema "$out/schema" --data "$out/1.csv" --attack nonsense
refuses 2 --schema "$out/schema" --data "$out/1.csv" --vehicles 100000
refuses 3 --schema "$out/schema" --data "$out/none.csv"
refuses 3 --schema "$out/1.csv" --data "$out/1.csv"
