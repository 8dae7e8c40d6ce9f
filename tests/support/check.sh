#!/bin/bash
# Every build and every test; the last line reads "N passed, N failed", and before it stands what each test that failed printed
# last, so that the end of a log is enough. A test counts once for each build it runs in. No test is run twice: one that fails now
# and then has failed.
# With WAYSIDE_DATA set, a test skipped for missing data counts as failed.
set -u
cd "$(dirname "$0")/../.."
jobs=${JOBS:-$(nproc)}
passed=0
failed=0
names=
last=$(mktemp) # what failed printed last
trap 'rm -f "$last"' EXIT

note() { # NAME STATUS
    if [ "$2" -eq 0 ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        names="$names $1"
    fi
}

step() { # NAME COMMAND...
    local name=$1 log
    shift
    log=$(mktemp)
    if "$@" >"$log" 2>&1; then
        echo "ok      $name"
        note "$name" 0
    else
        grep -E 'error:|warning: ' "$log" | sort -u | head -n 40 || true
        tail -n 20 "$log"
        echo "FAILED  $name"
        { echo "---- $name, its last lines:"; tail -n 15 "$log"; } >>"$last"
        note "$name" 1
    fi
    rm -f "$log"
}

suite() { # PRESET CTEST-ARGUMENTS...
    local preset=$1 log
    shift
    log=$(mktemp)
    [ -f "build/$preset/build.ninja" ] || cmake --preset "$preset" >"$log" 2>&1
    if ! nice ninja -C "build/$preset" -j "$jobs" >>"$log" 2>&1; then
        tail -n 60 "$log"
        echo "FAILED  build/$preset"
        { echo "---- build/$preset, its last lines:"; tail -n 15 "$log"; } >>"$last"
        note "build/$preset" 1
        rm -f "$log"
        return
    fi
    note "build/$preset" 0
    (cd "build/$preset" && ctest --output-on-failure -j "$jobs" "$@") >"$log" 2>&1
    sed -nE '/Test +#[0-9]+:/p' "$log" | while read -r line; do echo "$preset $line"; done |
        grep -v ' Passed ' || true
    local ok bad skipped
    ok=$(grep -cE 'Test +#[0-9]+:.* Passed ' "$log")
    skipped=$(grep -cE 'Test +#[0-9]+:.*\*\*\*Skipped' "$log")
    bad=$(grep -cE 'Test +#[0-9]+:.*(\*\*\*Failed|\*\*\*Timeout|\*\*\*Exception|Not Run|SEGFAULT|Subprocess aborted)' "$log")
    if [ -n "${WAYSIDE_DATA:-}" ]; then
        bad=$((bad + skipped))
    fi
    passed=$((passed + ok))
    failed=$((failed + bad))
    echo "ok      $preset: $ok passed, $bad failed, $skipped skipped"
    if [ "$bad" -gt 0 ] || [ "$ok" -eq 0 ]; then
        names="$names $preset"
        sed -n '/\*\*\*/,$p' "$log" | tail -n 200
        [ "$bad" -gt 0 ] || failed=$((failed + 1))
        local told=''
        [ -z "${WAYSIDE_DATA:-}" ] || told='|Skipped'
        told=$(sed -nE "s/.*Test +#[0-9]+: ([^ ]+) .*(\*\*\*(Failed|Timeout|Exception$told)|Not Run|SEGFAULT|Subprocess aborted).*/\1/p" "$log" | head -n 20)
        # shellcheck disable=SC2086
        bash tests/support/last_words.sh "build/$preset" 15 $told | sed "s/^----/---- $preset/" >>"$last"
    fi
    rm -f "$log"
}

if [ -n "${WAYSIDE_DATA:-}" ] && [ ! -d "$WAYSIDE_DATA" ]; then
    echo "WAYSIDE_DATA names no folder: $WAYSIDE_DATA"
    note data 1
fi
[ -z "${WAYSIDE_DATA:-}" ] || export WAYSIDE_DATA="$(cd "$WAYSIDE_DATA" 2>/dev/null && pwd)"

step layout make format-check
suite release
suite asan
suite tsan -L threads
step tidy bash tests/support/tidy.sh build/release

cat "$last"
[ -z "$names" ] || echo "failed:$names"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
