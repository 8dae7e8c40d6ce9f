#!/bin/bash
# rsuctl as an operator uses it: usage and exit codes, founding, policies, maps, and one unit that is asked and given an
# order. usage: rsuctl.sh PROGRAMS-FOLDER
set -u
bin=$(cd "${1:?folder of programs}" && pwd)
root=$(cd "$(dirname "$0")/../.." && pwd)
town=$root/configs/demo
out=$(mktemp -d)
unit=
twin=
cleanup() {
    [ -z "$unit" ] || kill "$unit" 2>/dev/null
    [ -z "$twin" ] || kill "$twin" 2>/dev/null
    wait 2>/dev/null
    rm -rf "$out"
}
trap cleanup EXIT
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
    if [ $got -ne "$code" ] || { [ -n "$words" ] && ! grep -qE -- "$words" log; }; then
        echo "FAILED  $*"
        echo "        exit code $got, expected $code with '$words':"
        sed 's/^/        /' log | head -n 20
        bad=$((bad + 1))
    fi
}
# soon CODE WORDS COMMAND...: the same of what comes with one of the next blocks
soon() {
    local code=$1 words=$2 i got
    shift 2
    for i in $(seq 600); do
        got=0
        timeout 300 "$@" >log 2>&1 || got=$?
        [ $got -eq "$code" ] && grep -qE -- "$words" log && break
        sleep 0.2
    done
    expect "$code" "$words" "$@"
}
ctl=$bin/rsuctl

# ---- usage ----
expect 2 'usage: rsuctl NOUN VERB' "$ctl"
expect 0 'usage: rsuctl NOUN VERB' "$ctl" --help
expect 0 '^rsuctl [0-9]' "$ctl" --version
expect 2 "there is no 'zork'" "$ctl" zork
expect 2 'usage: rsuctl map VERB' "$ctl" map
expect 0 'map verify' "$ctl" map --help
expect 0 'mv DATA DATA.damaged' "$ctl" ledger --help
expect 2 'is not create, modify' "$ctl" map order change --genesis g --key k --admin a
expect 2 "map has no 'zork'" "$ctl" map zork
verbs=$("$ctl" --help | sed -nE 's/^  ([a-z]+ [a-z]*) .*/\1/p')
[ "$(wc -l <<<"$verbs")" -ge 14 ] || { echo "too few verbs: $verbs"; bad=$((bad + 1)); }
while read -r verb; do
    # shellcheck disable=SC2086
    expect 0 "^usage: rsuctl ${verb% } " "$ctl" $verb --help
    # shellcheck disable=SC2086
    expect 2 'no option --zork' "$ctl" $verb --zork
done <<<"$verbs"
expect 2 'needs a value' "$ctl" map diff a b --origin
expect 2 'takes no value' "$ctl" map diff a b --quiet=yes
expect 2 'one word too many' "$ctl" map diff a b c
expect 2 '^usage: rsuctl map diff A B' "$ctl" map diff a
expect 2 'is not a place' "$ctl" map diff a b --origin 91,0
expect 2 'can never agree' "$ctl" cell init --out x --map y --map-quorum 2
expect 2 '1 to 64' "$ctl" cell init --out x --map y --validators 65

# ---- cell init ----
# a capture without frames: classic pcap, Ethernet
printf '\xd4\xc3\xb2\xa1\2\0\4\0\0\0\0\0\0\0\0\0\0\0\1\0\1\0\0\0' >quiet.pcap
expect 0 'genesis fingerprint: [0-9a-f]{64}' "$ctl" cell init --out cell --map "$town/town.osm" --name town --seed 1 \
    --clock-rate 20 --clock-epoch 2026-05-01T08:00:00Z --capture quiet.pcap --authorities 3 --policy-quorum 2
first=$(sed -n 's/^genesis fingerprint: //p' log)
for n in 1 2 3 4; do
    expect 0 'good' "$bin/rsud" --config "cell/rsu$n/rsud.yaml" --check
done
expect 0 'founded|fingerprint' "$ctl" cell init --out deaf --map "$town/town.osm" --capture "$town/town.osm"
expect 1 'ports\[1\]: files: .*not a capture' "$bin/rsud" --config deaf/rsu1/rsud.yaml --check
expect 1 'not empty' "$ctl" cell init --out cell --map "$town/town.osm"
expect 0 "$first" "$ctl" cell init --out again --map "$town/town.osm" --name town --seed 1 --json \
    --clock-rate 20 --clock-epoch 2026-05-01T08:00:00Z --capture quiet.pcap --authorities 3 --policy-quorum 2
expect 0 '' "$ctl" cell init --out other --map "$town/town.osm" --name town
grep -q "$first" log && { echo 'keys from the kernel equal keys from a seed'; bad=$((bad + 1)); }
[ "$(find cell -name '*.key' -perm 600 | wc -l)" -eq "$(find cell -name '*.key' | wc -l)" ] ||
    { echo 'a key that others may read'; bad=$((bad + 1)); }
expect 3 'no-map.osm' "$ctl" cell init --out none --map no-map.osm
expect 3 'no-trust' "$ctl" cell init --out none --map "$town/town.osm" --trust no-trust
expect 3 'no-capture' "$ctl" cell init --out none --map "$town/town.osm" --capture no-capture
echo 'return 1' >number.lua
expect 3 'number' "$ctl" cell init --out none --map "$town/town.osm" --policy number.lua
expect 2 'go together' "$ctl" cell init --out none --map "$town/town.osm" --clock-rate 2
expect 2 'never agree' "$ctl" cell init --out none --map "$town/town.osm" --policy-quorum 2
[ -z "$(find . -maxdepth 1 -name 'none*')" ] || { echo 'a cell that failed left something'; bad=$((bad + 1)); }
echo 'htpp: 1' >>again/rsu1/rsud.yaml
expect 1 'rsud.yaml:[0-9]+: Unexpected key: htpp' "$bin/rsud" --config again/rsu1/rsud.yaml --check
expect 3 'no-such.yaml' "$bin/rsud" --config no-such.yaml --check
rm again/genesis.bin
expect 3 'genesis' "$bin/rsud" --config again/rsu2/rsud.yaml --check

# ---- policies ----
for p in "$root"/scripts/policies/*.lua; do
    expect 0 'hash: [0-9a-f]{64}' "$ctl" policy check "$p"
done
refused() { # NAME SCRIPT WORDS
    printf '%s\n' "$2" >"$1.lua"
    SECONDS=0
    expect 1 "$3" "$ctl" policy check "$1.lua"
    [ $SECONDS -le 60 ] || { echo "$1: took $SECONDS s"; bad=$((bad + 1)); }
    expect 1 '"good": false' "$ctl" policy check "$1.lua" --json
}
refused loop 'while true do end' 'loop.lua:1: .*steps'
refused grow $'local t = {}\nfor i = 1, 1000000000 do t[i] = {i} end' 'grow.lua:[0-9]'
refused float $'\nreturn {map = {confirm_bits = 1.5}}' 'float.lua:2'
refused os $'local x = 1\nos.exit(0)' 'os.lua:2'
refused io 'io.open("/etc/passwd")' 'io.lua:1'
refused syntax $'return {\n' 'syntax.lua:'
refused missing 'return {map = {}}' 'missing.lua: .*map\.'
refused pairs $'for k in pairs({a = 1}) do end' 'pairs.lua:1'
expect 3 'no-such.lua' "$ctl" policy check no-such.lua

# ---- maps ----
expect 0 'sign 14' "$ctl" map import "$town/town.osm" --out town.wmap
expect 0 '3 changes: 1 new, 1 modified, 1 removed' "$ctl" map diff "$town/town.osm" "$town/town-world.osm"
expect 0 'lanelet2:way/2003' "$ctl" map diff town.wmap "$town/town-world.osm" --json
expect 1 '' "$ctl" map diff --quiet "$town/town.osm" "$town/town-world.osm"
[ -s log ] && { echo '--quiet printed something'; bad=$((bad + 1)); }
expect 0 '' "$ctl" map diff --quiet town.wmap "$town/town.osm"
expect 0 'FeatureCollection|Feature' "$ctl" map export town.wmap --format geojsonseq
expect 0 '' "$ctl" map export town.wmap --format osm --out back.osm
expect 0 '' "$ctl" map diff --quiet town.wmap back.osm
expect 0 '' "$ctl" map export town.wmap --to lanelet2 --base "$town/town.osm" --out same.osm
cmp -s same.osm "$town/town.osm" || { echo 'an unchanged map is not its file'; bad=$((bad + 1)); }
sed "s/k='speed_limit' v='50'/k='speed_limit' v='30'/" "$town/town.osm" >slow.osm
expect 3 'slow.osm: not the file' "$ctl" map export town.wmap --to lanelet2 --base slow.osm
expect 0 'kept: 189 by name, 0 by place, [1-9][0-9]* of them changed; new: 0; gone for good: 0' \
    "$ctl" map import slow.osm --previous town.wmap --out slow.wmap
cat >far.osm <<'END'
<osm version='0.6'>
  <node id='901' lat='48.7' lon='11.3'/><node id='902' lat='48.7' lon='11.30001'/>
  <way id='903'><nd ref='901'/><nd ref='902'/><tag k='type' v='traffic_sign'/><tag k='subtype' v='de274-50'/></way>
</osm>
END
expect 1 'nothing of town.wmap is in far.osm' "$ctl" map import far.osm --previous town.wmap --out far.wmap
[ -e far.wmap ] && { echo 'a map that was refused left a file'; bad=$((bad + 1)); }
expect 2 'the language that the map came from' "$ctl" map export town.wmap --to opendrive --base "$town/town.osm"
expect 0 'relations: speed_limit 50 -> 30' "$ctl" map diff "$town/town.osm" slow.osm
expect 3 'more than 5 objects' "$ctl" map import slow.osm --max-objects 5 --out x.wmap
expect 2 'geojsonseq, lanelet2, opendrive or tnits' "$ctl" map export town.wmap --format shp
head -c 5000 "$town/town.osm" >cut.osm
expect 3 'cut.osm' "$ctl" map import cut.osm --out cut.wmap
[ -e cut.wmap ] && { echo 'a map that was refused left a file'; bad=$((bad + 1)); }
expect 3 'no-such.osm' "$ctl" map diff no-such.osm town.wmap
expect 3 'full|space|/dev/full' bash -c "'$ctl' map export town.wmap --format osm >/dev/full"

# ---- proofs ----
expect 1 'does not hold' "$ctl" map verify --genesis cell/genesis.bin town.wmap
expect 3 'no.proof' "$ctl" map verify --genesis cell/genesis.bin no.proof
expect 3 'town.wmap' "$ctl" map verify --genesis town.wmap town.wmap
expect 1 'not the one asked for' "$ctl" map verify --genesis cell/genesis.bin --fingerprint "${first//[0-9]/0}" town.wmap
expect 2 '64 hex digits' "$ctl" map verify --genesis cell/genesis.bin --fingerprint 12 town.wmap

# ---- nobody there ----
expect 3 '127.0.0.1:1' "$ctl" cell status --http 127.0.0.1:1
expect 3 'unix:no.sock' "$ctl" cell validators --http unix:no.sock
expect 3 '' "$ctl" map watch --out changes --once --http 127.0.0.1:1
expect 3 '' "$ctl" block show 1 --http 127.0.0.1:1
expect 3 '' "$ctl" policy show --http 127.0.0.1:1

# ---- one unit ----
. "$root/tests/integration/free_ports.sh"
free_ports port 16
"$ctl" cell init --out one --map "$town/town.osm" --name one --validators 1 --authorities 2 --policy-quorum 2 \
    --base-port $port --http-port $((port + 1)) --block-interval-ms 50 >log 2>&1 || { cat log; exit 1; }
sed -i 's/^http: .*/http: unix:api.sock/' one/rsu1/rsud.yaml
"$bin/rsud" --config one/rsu1/rsud.yaml >unit.log 2>&1 &
unit=$!
http=unix:$out/one/rsu1/api.sock
for _ in $(seq 2000); do
    status=$("$ctl" cell status --http "$http" --json 2>/dev/null) &&
        [ "$(sed -nE 's/^  "height": ([0-9]+),/\1/p' <<<"$status")" -ge 3 ] && break
    kill -0 $unit 2>/dev/null || break
    sleep 0.1
done
soon 0 'healthy: yes' "$ctl" cell status --http "$http"
expect 0 'rsu1' "$ctl" cell validators --http "$http"
expect 0 'block 2' "$ctl" block show 2 --http "$http"
expect 0 'block 2 holds' "$ctl" block verify 2 --http "$http" --genesis one/genesis.bin
expect 1 'does not hold' "$ctl" block verify 2 --http "$http" --genesis cell/genesis.bin
expect 1 '404' "$ctl" block show 99999999 --http "$http"
expect 3 'cannot tell whether block 99999999 holds: .*404' "$ctl" block verify 99999999 --http "$http" --genesis one/genesis.bin
expect 0 'policy: urban, sequence 0' "$ctl" policy show --http "$http"
expect 0 '' "$ctl" map watch --out changes --once --http "$http"

deploy=("$ctl" policy deploy "$root/scripts/policies/motorway.lua" --genesis one/genesis.bin --admin one/rsu1/admin.sock)
expect 1 '2 authorities must sign, 1 did' "${deploy[@]}" --key one/authority/1.key
expect 1 '2 authorities must sign, 1 did' "${deploy[@]}" --key one/authority/1.key --key one/authority/1.key
expect 1 'no authority of this genesis' "${deploy[@]}" --key one/authority/1.key --key cell/authority/1.key
expect 3 'no.key' "${deploy[@]}" --key no.key
both=(--key one/authority/2.key --key one/authority/1.key)
expect 0 'accepted in block [0-9]+' "${deploy[@]}" "${both[@]}" --http "$http" --wait 240
soon 0 'policy: motorway, sequence 1' "$ctl" policy show --http "$http"
tried=("$ctl" policy try quiet.pcap --map "$town/town.osm" --policy "$root/scripts/policies/urban.lua")
soon 0 '^in force: motorway, in force where --http says' "${tried[@]}" --http "$http"
expect 0 '^  map.confirm_bits +31 +20 bit' "${tried[@]}" --http "$http"
expect 0 '^in force: urban, the first policy of the cell' "${tried[@]}" --genesis one/genesis.bin
expect 1 'refused: ' "${deploy[@]}" "${both[@]}" --sequence 1
expect 1 'order_sequence: .*give it again with --http' "${deploy[@]}" "${both[@]}" --sequence 1
expect 0 'sequence 2,' "${deploy[@]}" "${both[@]}" --http "$http" --wait 240
expect 0 '"result": "ok"' "${deploy[@]}" "${both[@]}" --http "$http" --wait 240 --json
sed -n '1,$p' "$root/scripts/policies/motorway.lua" >third.lua
expect 0 'not known yet: ask a unit for /v1/tx/' "$ctl" policy deploy third.lua --genesis one/genesis.bin --admin one/rsu1/admin.sock "${both[@]}"
expect 1 'refused: ' "$ctl" policy deploy third.lua --genesis cell/genesis.bin --admin one/rsu1/admin.sock \
    --key cell/authority/1.key --key cell/authority/2.key

# ---- the map, by order ----
ordered=(--genesis one/genesis.bin --admin one/rsu1/admin.sock "${both[@]}" --http "$http" --wait 240)
limit=$(curl -s --unix-socket one/rsu1/api.sock http://unit/v1/map | grep -o '"element":"[0-9a-f]*","revision":0,"value":50' |
    head -n 1 | cut -d '"' -f 4)
expect 2 'kind is needed' "$ctl" map order modify "${ordered[@]}" --element "$limit" --value 30
expect 2 'is not a kind' "$ctl" map order modify "${ordered[@]}" --element "$limit" --kind limit --value 30
expect 2 'is not 32 hex digits' "$ctl" map order modify "${ordered[@]}" --element 12 --kind speed_limit --value 30
expect 2 'nothing is modified' "$ctl" map order modify "${ordered[@]}" --element "$limit" --kind speed_limit
expect 2 'not a time' "$ctl" map order modify "${ordered[@]}" --element "$limit" --kind speed_limit --value 30 \
    --valid-to 1970-01-01T00:00:00Z
expect 1 'unknown_element' "$ctl" map order delete "${ordered[@]}" --element "$(printf '%032d' 1)" --kind sign
expect 1 'map_order_over' "$ctl" map order modify "${ordered[@]}" --element "$limit" --kind speed_limit --value 30 \
    --valid-to 2020-01-01T00:00:00Z
expect 0 'accepted in block' "$ctl" map order modify "${ordered[@]}" --element "$limit" --kind speed_limit --value 30
decree=$(grep -oE '[0-9a-f]{64}' log | head -n 1)
expect 1 'map_order_in_force' "$ctl" map order modify "${ordered[@]}" --element "$limit" --kind speed_limit --value 20
soon 0 'by order of the authority' curl -s --unix-socket one/rsu1/api.sock "http://unit/v1/map/diffs?from=1"
expect 1 'map_order_in_force: another order on this element is in force' "$ctl" map order modify "${ordered[@]}" --element "$limit" --kind speed_limit --value 20 --json
height=$(sed -nE 's/^refused in block ([0-9]+).*/\1/p; s/.*"height": ([0-9]+).*/\1/p' log | head -n 1)
expect 0 'map_order_in_force: another order on this element' "$ctl" block show "$height" --http "$http"
expect 0 'accepted in block' "$ctl" map order withdraw "${ordered[@]}" --order "$decree"
soon 0 'as it was before an order of the authority' curl -s --unix-socket one/rsu1/api.sock "http://unit/v1/map/diffs?from=1"
expect 1 'unknown_map_order' "$ctl" map order withdraw "${ordered[@]}" --order "$decree"

# ---- the committee, by order ----
expect 0 'rsu1' "$ctl" cell validators show --http "$http"
signed=(--genesis one/genesis.bin --admin one/rsu1/admin.sock "${both[@]}" --http "$http" --wait 240)
newcomer=(--validator-key "$(printf '%064d' 7)" --link-key "$(printf '%064d' 8)")
address=$("$ctl" cell validators --http "$http" --json | sed -nE 's/.*"address": "([0-9a-f]{64})".*/\1/p' | head -n 1)
expect 2 'validator-key and --link-key' "$ctl" cell validators add "${signed[@]}"
expect 2 'are needed' "$ctl" cell validators remove "$address"
expect 2 'no address' "$ctl" cell validators remove 12 "${signed[@]}"
expect 1 'refused: too_few: .*add the new one first' "$ctl" cell validators remove "$address" "${signed[@]}"
expect 1 'refused: unknown_validator' "$ctl" cell validators remove "$(printf '%064d' 1)" "${signed[@]}"
expect 1 'refused: bad_set' "$ctl" cell validators add "${newcomer[@]}" --power 1152921504606846976 "${signed[@]}"
expect 1 '2 authorities must sign, 1 did' "$ctl" cell validators add "${newcomer[@]}" --genesis one/genesis.bin \
    --admin one/rsu1/admin.sock --key one/authority/1.key
expect 1 'no peer with that link key.*--anyway' "$ctl" cell validators add "${newcomer[@]}" "${signed[@]}"
expect 0 'time_precision_us  0 to 3600000000' "$ctl" cell validators --help
expect 2 "'speed' is no parameter" "$ctl" cell validators params speed=1 "${signed[@]}"
expect 2 'block_txs_max=N, a number from 1 to 65535' "$ctl" cell validators params block_txs_max=many "${signed[@]}"
expect 2 '--http is needed' "$ctl" cell validators params block_txs_max=5 --genesis one/genesis.bin \
    --admin one/rsu1/admin.sock "${both[@]}"
expect 1 'refused: bad_params.*block_txs_max' "$ctl" cell validators params block_txs_max=0 "${signed[@]}"
expect 1 'refused: unsafe_params' "$ctl" cell validators params tx_octets_max=300 "${signed[@]}"
expect 0 'accepted in block' "$ctl" cell validators params block_txs_max=4999 "${signed[@]}"
expect 0 'accepted in block' "$ctl" cell validators params block_txs_max=5000 "${signed[@]}"
for _ in $(seq 2000); do
    curl -s --unix-socket one/rsu1/api.sock http://unit/v1/params | grep -q '"block_txs_max": 5000' && break
    sleep 0.1
done
expect 0 '"block_txs_max": 5000' curl -s --unix-socket one/rsu1/api.sock http://unit/v1/params

# ---- from a trusted block ----
id=$("$ctl" block show 3 --http "$http" --json | sed -nE 's/^ *"id": "([0-9a-f]{64})",?$/\1/p' | head -n 1)
soon 0 'block 5 holds' "$ctl" block verify 5 --http "$http" --genesis one/genesis.bin --trusted "3:$id"
expect 0 'block 3 holds' "$ctl" block verify 3 --http "$http" --genesis one/genesis.bin --trusted "3:$id"
expect 0 'block 2 holds' "$ctl" block verify 2 --http "$http" --genesis one/genesis.bin --trusted "3:$id"
expect 1 'not the trusted header' "$ctl" block verify 5 --http "$http" --genesis one/genesis.bin --trusted "4:$id"
expect 2 'no HEIGHT:ID' "$ctl" block verify 5 --http "$http" --genesis one/genesis.bin --trusted "$id"
expect 2 'needs --http' "$ctl" map verify --genesis one/genesis.bin --trusted "3:$id" no.proof

# ---- a fork: the only validator's key on two boxes ----
mkdir -p two/rsu1
cp one/genesis.bin one/base.wmap two/
cp one/rsu1/*.key two/rsu1/
sed "s/:$port$/:$((port + 2))/" one/rsu1/rsud.yaml >two/rsu1/rsud.yaml
"$bin/rsud" --config two/rsu1/rsud.yaml >twin.log 2>&1 &
twin=$!
other=unix:$out/two/rsu1/api.sock
for _ in $(seq 2000); do
    "$ctl" block show 5 --http "$other" >/dev/null 2>&1 && break
    sleep 0.1
done
expect 0 'proves the same block' "$ctl" block verify 3 --http "$http" --genesis one/genesis.bin --witness "$http"
expect 1 'proves another block 3: a quorum signed both' "$ctl" block verify 3 --http "$http" --genesis one/genesis.bin \
    --witness "$http" --witness "$other" --evidence fork
expect 1 'fork.1: refused: transaction refused' "$ctl" cell report fork.1 --admin one/rsu1/admin.sock
expect 0 'taken: evidence [0-9a-f]{64} of a light_client_attack at height 3' "$ctl" cell report fork.2 --admin one/rsu1/admin.sock
for _ in $(seq 2000); do
    grep -q 'still signs' unit.log && break
    sleep 0.1
done
expect 1 'refused' "$ctl" cell report fork.2 --admin one/rsu1/admin.sock
expect 1 'genesis.bin: ' "$ctl" cell report one/genesis.bin --admin one/rsu1/admin.sock
expect 2 '--admin is needed' "$ctl" cell report fork.2
expect 0 'convicted and still signs: the cell needs all 1' cat unit.log
kill $twin
wait $twin
twin=
kill $unit
wait $unit
code=$?
unit=
[ $code -eq 0 ] || { echo "the unit stopped with $code:"; tail -n 5 unit.log; bad=$((bad + 1)); }

# ---- trust ----
"$bin/obusim" --map "$town/town.osm" --world "$town/town.osm" --vehicles 2 --duration 20 --seed 3 --out cap.pcap --pki pki >log 2>&1 ||
    { cat log; bad=$((bad + 1)); }
expect 2 '--trust is needed' "$ctl" trust show
expect 3 'absent' "$ctl" trust show --trust absent
expect 0 'issues PSID' "$ctl" trust show --trust pki
expect 0 '"kind": *"root"' "$ctl" trust show --trust pki --json
expect 1 'issuer [0-9a-f]{16} is not in the store' "$ctl" trust add pki/aa-1.cert --trust kept
expect 0 'added' "$ctl" trust add pki --trust kept
expect 0 'was there already' "$ctl" trust add pki --trust kept
od -An -v -tx1 pki/aa-1.cert >aa.hex
expect 0 'was there already' "$ctl" trust add aa.hex --trust kept
expect 1 'no certificate' "$ctl" trust add cap.pcap --trust kept
cat pki/*.cert >chain.bin
{
    printf -- '-----BEGIN CERTIFICATES-----\n'
    base64 chain.bin
    printf -- '-----END CERTIFICATES-----\n'
} >chain.pem
expect 0 'chain.pem: certificate [0-9]+: issuer [0-9a-f]{16} added' "$ctl" trust add chain.pem --trust from-pem
expect 0 'kind": *"issuer' "$ctl" trust show --trust chain.bin --json
expect 3 'more than 1 trust certificates' "$ctl" trust show --trust chain.pem --max-certs 1
expect 1 'cap.pcap: no certificate.*|added' "$ctl" trust add cap.pcap chain.bin --trust from-both
expect 2 'is no folder' "$ctl" trust add pki --trust chain.bin
expect 0 'outcome: believed' "$ctl" trust explain cap.pcap --trust kept
expect 1 'open +issuer +issuer [0-9a-f]{16} is not in the store' "$ctl" trust explain cap.pcap --frame 2
expect 0 'verdict: verified' "$ctl" trust explain cap.pcap --trust kept
expect 1 'verdict: signature_good_issuer_unknown' "$ctl" trust explain cap.pcap
expect 0 'verdict: ok' "$ctl" trust explain $(od -An -tx1 -v pki/aa-1.cert | tr -d ' \n') --trust chain.pem
expect 1 'verdict: issuer_unknown' "$ctl" trust explain pki/aa-1.cert
expect 1 '"verdict": *"cert_expired"' "$ctl" trust explain pki/aa-1.cert --trust pki --at 2090-01-01T00:00:00Z --json
expect 3 'neither a certificate nor a 1609.2 message nor a list' "$ctl" trust explain 00112233445566778899
mkdir -p no-lists
expect 0 '0 signed lists in force' "$ctl" trust show --trust pki --revocations no-lists
expect 0 'revoked +on none of 0 lists' "$ctl" trust explain cap.pcap --trust kept --revocations no-lists
expect 2 'of no use without --revocations' "$ctl" trust show --trust pki --list-manager pki/aa-1.cert
expect 0 '"lists": *\[' "$ctl" trust show --trust pki --revocations no-lists --json
printf '\003\201\000\101' >no-lists/bad.crl
expect 0 'bad.crl: no list: octet 3' "$ctl" trust show --trust pki --revocations no-lists
expect 1 '"outcome": *"open"' "$ctl" trust explain cap.pcap --json
expect 3 'absent.cert: No such file' "$ctl" trust explain absent.cert
expect 3 'deadbeef: No such file .*16 hex digits' "$ctl" trust explain deadbeef
expect 2 'of no use without --revocations' "$ctl" replay cap.pcap --map "$town/town.osm" --out lists --list-manager kept
expect 3 'absent/x.wmap: No such file' "$ctl" map import "$town/town.osm" --out absent/x.wmap
expect 3 'the capture has [0-9]+ frames' "$ctl" trust explain cap.pcap --frame 4000000
expect 1 'fails +time +valid from' "$ctl" trust explain aa.hex --trust kept --at 2005-01-01T00:00:00Z
expect 2 'is not a time' "$ctl" trust explain aa.hex --at yesterday
expect 3 'line 7: neither hex digits nor base64' "$ctl" trust explain "$town/demo.sh"

echo "$done commands, $bad wrong"
[ $bad -eq 0 ]
