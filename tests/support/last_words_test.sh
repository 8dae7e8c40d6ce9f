#!/bin/bash
# What last_words.sh tells of a run of ctest that it has not made: the end of each test asked for, and of no other.
# usage: last_words_test.sh CTEST
set -u
ctest=${1:?ctest}
here=$(cd "$(dirname "$0")" && pwd)
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
{
    echo 'add_test([=[good]=] "echo" "all is well")'
    echo 'add_test([=[bad]=] "sh" "-c" "seq 100 && echo Output: && echo the reason && false")'
    echo 'add_test([=[bad_too]=] "sh" "-c" "echo another reason >&2; exit 3")'
} >"$out/CTestTestfile.cmake"
(cd "$out" && "$ctest" -j 2 >/dev/null 2>&1)
said=$(bash "$here/last_words.sh" "$out" 5 bad bad_too)
want=$'the reason\nTest time'
for words in '---- bad, its last lines:' '---- bad_too, its last lines:' 'another reason' 'the reason' 'Test Failed.'; do
    grep -qxF -- "$words" <<<"$said" || { echo "$said"; echo "not said: $words"; exit 1; }
done
[[ $said == *"$want"* ]] || { echo "$said"; echo 'not in order'; exit 1; }
if grep -qE 'all is well|^1$' <<<"$said"; then
    echo "$said"
    echo 'too much is said'
    exit 1
fi
[ "$(wc -l <<<"$said")" -le 12 ] || { echo "$said"; echo 'too long'; exit 1; }
