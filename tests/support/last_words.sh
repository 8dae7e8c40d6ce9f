#!/bin/bash
# The last lines of what tests printed in the last run of ctest. usage: last_words.sh BUILD-FOLDER LINES TEST...
set -u
log=${1:?build folder}/Testing/Temporary/LastTest.log
lines=${2:?how many lines}
shift 2
[ -f "$log" ] || { echo "no $log"; exit 1; }
for name in "$@"; do
    echo "---- $name, its last lines:"
    awk -v want="$name" '
        /^[0-9]+\/[0-9]+ Test(ing)?: / { wanted = $0 ~ "^[0-9]+/[0-9]+ Test(ing)?: " && $NF == want; next }
        !wanted { next }
        /^Output:$/ && !telling { getline; telling = 1; next }
        /^<end of output>$/ { telling = 0; next }
        telling || /^Test time =/ || /^Test (Failed|Passed|timeout)/ { print substr($0, 1, 400) }' "$log" | tail -n "$lines"
done
