#!/bin/bash
# --check finds what a start would find, in the same words, and neither makes or changes anything before that. Cell of one.
# usage: check.sh PROGRAMS-FOLDER
set -u
bin=$(cd "${1:?folder of programs}" && pwd)
root=$(cd "$(dirname "$0")/../.." && pwd)
out=$(mktemp -d)
unit=
cleanup() {
    [ -z "$unit" ] || kill -9 "$unit" 2>/dev/null
    wait 2>/dev/null
    rm -rf "$out"
}
trap cleanup EXIT
cd "$out" || exit 1
bad=0
cases=0
wrong() {
    echo "WRONG  $*"
    bad=$((bad + 1))
}
. "$root/tests/integration/free_ports.sh"
free_ports port 16
printf '\xd4\xc3\xb2\xa1\2\0\4\0\0\0\0\0\0\0\0\0\0\0\1\0\1\0\0\0' >quiet.pcap
"$bin/rsuctl" cell init --out cell --map "$root/configs/demo/town.osm" --validators 1 --capture quiet.pcap --base-port $port \
    --http-port $((port + 1)) --block-interval-ms 50 >said 2>&1 || { cat said; exit 1; }
yaml=cell/rsu1/rsud.yaml
data=cell/rsu1/data
cp $yaml good.yaml
state() { find cell -printf '%p %s %T@\n' 2>/dev/null | sort; }
# refused WORDS: --check and the start both say them, and leave the cell's folders as they are
refused() {
    cases=$((cases + 1))
    local before after
    before=$(state)
    "$bin/rsud" --config $yaml --check >check.said 2>&1 && wrong "--check says good, not '$1'"
    grep -qE -- "$1" check.said || wrong "--check says nothing like '$1': $(cat check.said)"
    timeout 200 "$bin/rsud" --config $yaml >start.said 2>&1
    [ $? -eq 3 ] || wrong "a start does not end with 3 ('$1')"
    grep -qE -- "$1" start.said || wrong "a start says nothing like '$1': $(cat start.said)"
    after=$(state)
    [ "$before" = "$after" ] || wrong "something was made or changed ('$1'): $(diff <(echo "$before") <(echo "$after"))"
    cp good.yaml $yaml
}
with() { printf '%s\n' "$@" >>$yaml; }

with 'disk: {reserve_mb: 1000000000}' && refused 'fewer than disk.reserve_mb'
with 'sign_counter: "command:/nope"' && refused 'sign_counter: .*/nope'
with 'sign_counter: "file:/nope/x"' && refused 'sign_counter: /nope'
with 'sign_counter: "command:/bin/true"' && refused 'sign_counter: .*/bin/true read gave no number'
with 'record: {folder: /proc/x}' && refused 'record.folder: /proc: holds no files'
sed -i 's/^data: .*/data: rsud.yaml/' $yaml && refused 'data: .*rsud.yaml: is no folder'
[ ! -e $data ] || wrong 'a folder of data was made'

"$bin/rsud" --config $yaml >run.said 2>&1 &
unit=$!
for _ in $(seq 2000); do
    [ "$("$bin/rsuctl" cell status --http 127.0.0.1:$((port + 1)) --json 2>/dev/null | sed -nE 's/^  "height": ([0-9]+),/\1/p')" -ge 5 ] 2>/dev/null && break
    sleep 0.1
done
"$bin/rsud" --config $yaml --check >check.said 2>&1 || wrong "--check beside a unit that runs: $(cat check.said)"
grep -q 'a unit runs on its data' check.said || wrong 'it is not said that a unit runs'
kill $unit
wait $unit || wrong 'an orderly end'
unit=
"$bin/rsud" --config $yaml --check >check.said 2>&1 || wrong "--check of a unit that ran: $(cat check.said)"

cp -a $data kept
again() { rm -rf $data; cp -a kept $data; }
printf 'x' | dd of=$data/consensus-even.log bs=1 seek=9 conv=notrunc 2>/dev/null && refused 'consensus-even.log: damaged'
again
printf 'x' | dd of=$data/sign-guard bs=1 seek=30 conv=notrunc 2>/dev/null && refused 'sign-guard: damaged'
again
"$bin/rsuctl" cell init --out other --map "$root/configs/demo/town.osm" --validators 1 --base-port $port --http-port $((port + 1)) >said 2>&1
cp other/rsu1/*.key cell/rsu1/ && cp other/genesis.bin cell/genesis.bin
"$bin/rsud" --config $yaml --check >check.said 2>&1 && wrong 'the store of another cell is good'
grep -q 'another cell' check.said || wrong "the store of another cell: $(cat check.said)"
echo "$cases cases, $bad wrong"
[ $bad -eq 0 ]
