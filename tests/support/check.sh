#!/bin/bash
# Every build and every test; the last line reads "N passed, N failed", and before it stands what each test that failed printed
# last, so that the end of a log is enough. A test counts once for each build it runs in. No test is run twice: one that fails now
# and then has failed.
# With WAYSIDE_DATA set, a test skipped for missing data counts as failed.
# Many tests sleep more than they work: while those of one build run, the builds to come and clang-tidy use what they leave of the
# processors, at lower priority.
set -u
cd "$(dirname "$0")/../.."
jobs=${JOBS:-$(nproc)}
passed=0
failed=0
names=
last=$(mktemp) # what failed printed last
work=$(mktemp -d) # of what runs beside the tests: NAME.log, and NAME.code when it is done
beside=
trap '[ -z "$beside" ] || kill -- "-$beside" 2>/dev/null; rm -rf "$last" "$work"' EXIT

note() { # NAME STATUS
    if [ "$2" -eq 0 ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        names="$names $1"
    fi
}

step() { # NAME COMMAND...
    local name=$1
    shift
    "$@" >"$work/$name.log" 2>&1
    told "$name" $?
}

told() { # NAME STATUS: of a step whose log is there
    local log=$work/$1.log
    if [ "$2" -eq 0 ]; then
        echo "ok      $1"
    else
        grep -E 'error:|warning: ' "$log" | sort -u | head -n 40 || true
        tail -n 20 "$log"
        echo "FAILED  $1"
        { echo "---- $1, its last lines:"; tail -n 15 "$log"; } >>"$last"
    fi
    note "$1" "$2"
}

build() { # PRESET TARGET
    [ -f "build/$1/build.ninja" ] || cmake --preset "$1" || return 1
    ninja -C "build/$1" -j "$jobs" "$2"
}

# One after the other, in the order in which they are waited for.
behind() {
    renice -n 10 -p "$BASHPID" >/dev/null 2>&1
    behind_one release build release all
    behind_one asan build asan all
    behind_one tsan build tsan tests_of_threads
    behind_one tidy bash tests/support/tidy.sh build/release
}
behind_one() { # NAME COMMAND...
    local name=$1
    shift
    "$@" >"$work/$name.log" 2>&1
    echo $? >"$work/$name.new"
    mv "$work/$name.new" "$work/$name.code"
}
done_with() { # NAME: waits; its status
    until [ -f "$work/$1.code" ]; do
        kill -0 "$beside" 2>/dev/null || [ -f "$work/$1.code" ] || return 1
        sleep 0.5
    done
    return "$(cat "$work/$1.code")"
}

suite() { # PRESET CTEST-ARGUMENTS...
    local preset=$1 log=$work/$1.tests
    shift
    if ! done_with "$preset"; then
        tail -n 60 "$work/$preset.log"
        echo "FAILED  build/$preset"
        { echo "---- build/$preset, its last lines:"; tail -n 15 "$work/$preset.log"; } >>"$last"
        note "build/$preset" 1
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
}

if [ -n "${WAYSIDE_DATA:-}" ] && [ ! -d "$WAYSIDE_DATA" ]; then
    echo "WAYSIDE_DATA names no folder: $WAYSIDE_DATA"
    note data 1
fi
[ -z "${WAYSIDE_DATA:-}" ] || export WAYSIDE_DATA="$(cd "$WAYSIDE_DATA" 2>/dev/null && pwd)"

set -m # a group of its own, to be ended with
behind &
beside=$!
set +m
step layout make format-check
suite release
suite asan
suite tsan -L threads
renice -n 0 -g "$beside" >/dev/null 2>&1 # nothing runs beside it any more; who may not, waits longer
done_with tidy
told tidy $?

cat "$last"
[ -z "$names" ] || echo "failed:$names"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
