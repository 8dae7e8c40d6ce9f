#!/bin/bash
# rsuctl through a proxy that speaks TLS and wants certificates (docs/proxy.md): every command that asks a unit, and what is
# said when a certificate is not right. With nginx, where it is installed, the page's own example. usage: tls.sh PROGRAMS-FOLDER
# 77: no Node here, and nobody asked for everything.
set -u
bin=$(cd "${1:?folder of programs}" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
for tool in node:nodejs openssl:openssl; do
    command -v ${tool%:*} >/dev/null && continue
    echo "${tool%:*} (Debian: ${tool#*:}) is missing"
    [ -z "${WAYSIDE_DATA:-}" ] && exit 77
    exit 1
done
out=$(mktemp -d)
pids=()
cleanup() {
    [ ${#pids[@]} -eq 0 ] || kill "${pids[@]}" 2>/dev/null
    wait 2>/dev/null
    rm -rf "$out"
}
trap cleanup EXIT
cd "$out" || exit 1
ctl=$bin/rsuctl
bad=0
cases=0
# expect CODE WORDS COMMAND...: exit code, and words (a pattern; empty: none) in what it prints
expect() {
    local code=$1 words=$2 got
    shift 2
    timeout 300 "$@" >log 2>&1
    got=$?
    cases=$((cases + 1))
    if [ $got -ne "$code" ] || { [ -n "$words" ] && ! grep -qE -- "$words" log; }; then
        echo "FAILED  $*"
        echo "        exit code $got, expected $code with '$words':"
        sed 's/^/        /' log | head -n 20
        bad=$((bad + 1))
    fi
}
fail() {
    echo "$1"
    tail -n 5 ./*.log 2>/dev/null
    exit 1
}

# ---- certificates ----
new_key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1.key" && chmod 600 "$1.key"; }
authority() { # NAME
    new_key "$1"
    openssl req -x509 -key "$1.key" -out "$1.pem" -days 30 -subj "/CN=$1" 2>/dev/null
}
issue() { # NAME AUTHORITY DAYS SUBJECT-ALTERNATIVE-NAMES
    new_key "$1"
    openssl req -new -key "$1.key" -out "$1.csr" -subj "/CN=$1" 2>/dev/null
    openssl x509 -req -in "$1.csr" -CA "$2.pem" -CAkey "$2.key" -set_serial "$RANDOM" -days "$3" \
        -extfile <(echo "subjectAltName = ${4:-DNS:$1}") -out "$1.pem" 2>/dev/null
}
authority proxies && authority clients && authority strangers || fail 'no certificates'
issue proxy proxies 30 'DNS:localhost, IP:127.0.0.1'
issue elsewhere proxies 30 'DNS:elsewhere.example'
issue old proxies -1 'DNS:localhost, IP:127.0.0.1'
issue us clients 30
issue stranger strangers 30
cat us.pem us.key >both.pem && chmod 600 both.pem
cp us.key open.key && chmod 644 open.key
openssl ec -in us.key -aes128 -passout pass:x -out locked.key 2>/dev/null && chmod 600 locked.key
echo 'not a certificate' >text.pem
[ -s us.pem ] && [ -s old.pem ] && [ -s locked.key ] || fail 'no certificates'

# ---- a cell of one, and proxies before it ----
. "$here/free_ports.sh"
free_ports port 16
printf '\xd4\xc3\xb2\xa1\2\0\4\0\0\0\0\0\0\0\0\0\0\0\1\0\1\0\0\0' >quiet.pcap
"$ctl" cell init --out cell --map "$root/configs/demo/town.osm" --validators 1 --capture quiet.pcap --base-port $port \
    --http-port $((port + 1)) --block-interval-ms 50 >init.log || fail 'no cell'
sed -i 's/^http: .*/http: unix:api.sock/' cell/rsu1/rsud.yaml
"$bin/rsud" --config cell/rsu1/rsud.yaml >rsud.log 2>&1 &
unit=$!
pids+=($unit)
direct=unix:$out/cell/rsu1/api.sock
# front NAME ARGUMENTS...: sets `at` to its address
front() {
    local name=$1
    shift
    node "$here/front.mjs" 0 "$out/cell/rsu1/api.sock" none "$@" >"front.$name.log" 2>&1 &
    pids+=($!)
    for _ in $(seq 2000); do
        at=$(sed -n 's/^ready //p' "front.$name.log")
        [ -z "$at" ] || break
        sleep 0.1
    done
    [ -n "$at" ] || fail "the proxy '$name' does not start"
    at=https://localhost:$at
}
front mutual proxy.pem proxy.key clients.pem && mutual=$at
front plain proxy.pem proxy.key && plain=$at
front elsewhere elsewhere.pem elsewhere.key && elsewhere=$at
front old old.pem old.key && old=$at
for _ in $(seq 2000); do
    "$ctl" cell status --http "$direct" >/dev/null 2>&1 && break
    kill -0 $unit || fail 'the unit stopped'
    sleep 0.1
done
authority=(--genesis cell/genesis.bin --key cell/authority/1.key --admin cell/rsu1/admin.sock)
element=$(curl -s --unix-socket cell/rsu1/api.sock http://unit/v1/map | grep -ao '"kind":"speed_limit","element":"[0-9a-f]*"' |
    head -n 1 | cut -d '"' -f 8)

# ---- every command that asks a unit ----
tls=(--cacert proxies.pem --cert us.pem --key us.key)
secure=(--http "$mutual" "${tls[@]}")
genesis=(--genesis cell/genesis.bin)
every() {
    expect 0 'accepted in block' "$ctl" map order modify "${authority[@]}" --element "$element" --kind speed_limit \
        --value "$1" "${secure[@]:0:6}" --cert-key us.key ${2:+--supersedes "$2"}
    given=$(grep -oE '[0-9a-f]{64}' log | head -n 1)
    expect 0 'accepted in block' "$ctl" policy deploy "$root/scripts/policies/motorway.lua" "${authority[@]}" \
        "${secure[@]:0:6}" --cert-key us.key
    expect 0 'height' "$ctl" cell status "${secure[@]}"
    expect 0 'rsu1' "$ctl" cell validators "${secure[@]}"
    expect 0 '' "$ctl" cell beacon "${secure[@]}"
    expect 0 'policy: motorway' "$ctl" policy show "${secure[@]}"
    expect 0 '' "$ctl" block show 3 "${secure[@]}"
    id=$("$ctl" block show 3 --json --http "$direct" | sed -nE 's/.*"id": "([0-9a-f]{64})".*/\1/p' | head -n 1)
    expect 0 'proves the same block' "$ctl" block verify 3 "${genesis[@]}" "${secure[@]}" --witness "$mutual"
    rm -rf changes
    expect 0 '^version 2' "$ctl" map watch --out changes --once "${genesis[@]}" --trusted "3:$id" "${secure[@]}"
    expect 0 '' "$ctl" map verify "${genesis[@]}" --trusted "3:$id" "${secure[@]}" changes/000002.proof
    expect 0 'version 1 holds' "$ctl" map snapshot --version 1 --out one.snapshot "${genesis[@]}" "${secure[@]}"
    expect 0 '' "$ctl" map net one.snapshot "${genesis[@]}" "${secure[@]}"
    expect 0 '' "$ctl" map tile --at 48.7651,11.4231 "${genesis[@]}" "${secure[@]}"
    expect 1 'HTTP 404' "$ctl" map evidence "$(printf '%064d' 1)" --out shown "${secure[@]}"
}
every 30
expect 0 '' "$ctl" map watch --out straight --once --http "$direct"
diff -r changes straight >/dev/null || { echo 'FAILED  what came through the proxy differs'; bad=$((bad + 1)); }
expect 0 '' "$ctl" cell status --http "$plain" --cacert proxies.pem
expect 0 '' "$ctl" cell status --http "${mutual/localhost/127.0.0.1}/" "${tls[@]}"
expect 0 '' "$ctl" cell status --http "$mutual" --cacert proxies.pem --cert both.pem

# ---- what is not right, said ----
ask=("$ctl" cell status --http)
expect 3 'issuer certificate.*--cacert names who signed' "${ask[@]}" "$plain"
expect 3 'issuer certificate.*--cacert does not name who signed' "${ask[@]}" "$plain" --cacert strangers.pem
expect 3 "target host name 'localhost'.*not accepted" "${ask[@]}" "$elsewhere" --cacert proxies.pem
expect 3 'certificate has expired.*not accepted' "${ask[@]}" "$old" --cacert proxies.pem
expect 3 'may want a certificate of ours: --cert' "${ask[@]}" "$mutual" --cacert proxies.pem
expect 3 'not accept our certificate' "${ask[@]}" "$mutual" --cacert proxies.pem --cert stranger.pem --key stranger.key
expect 3 'about --cert and its key' "${ask[@]}" "$mutual" --cacert proxies.pem --cert us.pem --key stranger.key
expect 3 'about --cert and its key' "${ask[@]}" "$mutual" --cacert proxies.pem --cert us.pem --key locked.key
expect 3 '--key: open.key: mode 644 lets others at the key' "${ask[@]}" "$mutual" --cacert proxies.pem --cert us.pem --key open.key
expect 3 '--key: absent.key: No such file' "${ask[@]}" "$mutual" --cacert proxies.pem --cert us.pem --key absent.key
expect 3 '--cert: absent.pem: No such file' "${ask[@]}" "$mutual" --cacert proxies.pem --cert absent.pem --key us.key
expect 3 '--cacert: text.pem: holds nothing in PEM' "${ask[@]}" "$mutual" --cacert text.pem
expect 3 'mode 644 lets others' "${ask[@]}" "$mutual" --cacert proxies.pem --cert us.pem
if [ "$(id -u)" -ne 0 ]; then
    cp us.key shut.key && chmod 000 shut.key
    expect 3 '--key: shut.key: Permission denied' "${ask[@]}" "$mutual" --cacert proxies.pem --cert us.pem --key shut.key
fi
expect 3 '' "${ask[@]}" "${plain/https/http}"
expect 2 'go with --http https' "${ask[@]}" "$direct" --cacert proxies.pem
expect 2 'a key goes with its certificate' "${ask[@]}" "$mutual" --key us.key
expect 2 'there is no option --cacert' "$ctl" map import x --out y --cacert proxies.pem

# ---- the example of docs/proxy.md ----
if command -v nginx >/dev/null; then
    mkdir -p logs tmp
    {
        echo "daemon off; pid $out/nginx.pid; error_log stderr; worker_processes 1; events {}"
        echo "http { access_log off; client_body_temp_path tmp; proxy_temp_path tmp; fastcgi_temp_path tmp; uwsgi_temp_path tmp; scgi_temp_path tmp;"
        sed -n '/^```nginx/,/^```/p' "$root/docs/proxy.md" | sed '/^```/d'
        echo '}'
    } | sed -e "s,/run/wayside/api.sock,$out/cell/rsu1/api.sock," -e "s,listen 443,listen 127.0.0.1:$((port + 4))," \
        -e "s,/etc/wayside/CLIENTS.pem,$out/clients.pem," -e "s,/etc/wayside/,$out/," >nginx.conf
    [ "$(id -u)" -ne 0 ] || sed -i '1i user root;' nginx.conf
    nginx -e stderr -p "$out" -c "$out/nginx.conf" >nginx.log 2>&1 &
    pids+=($!)
    mutual=https://localhost:$((port + 4))
    for _ in $(seq 2000); do
        curl -s --cacert proxies.pem "$mutual" >/dev/null && break
        sleep 0.1
    done
    secure=(--http "$mutual" "${tls[@]}")
    before=$given
    every 40 "$before"
    expect 3 'HTTP 400' "${ask[@]}" "$mutual" --cacert proxies.pem
    # Events come as they are said, not when a buffer is full.
    curl -sN --max-time 120 --cacert proxies.pem --cert us.pem --key us.key "$mutual/v1/map/stream?from=1" >events &
    hearer=$!
    while kill -0 $hearer 2>/dev/null && ! grep -q '^event: version' events; do sleep 0.1; done
    kill $hearer 2>/dev/null
    grep -q '^event: version' events || { echo 'FAILED  no events through nginx'; bad=$((bad + 1)); }
    [ "$(curl -s -o said -w '%{http_code}' --cacert proxies.pem --cert us.pem --key us.key -X POST "$mutual/v1/map")" = 403 ] ||
        { echo 'FAILED  POST through nginx'; bad=$((bad + 1)); }
fi

kill -TERM $unit
wait $unit || fail 'the unit did not stop in order'
echo "$cases cases, $bad wrong"
[ "$bad" -eq 0 ]
