#!/bin/bash
# Runs every libFuzzer target of the fuzz preset for a while; findings stay in the build folder.
# usage: fuzz.sh BUILD-FOLDER SECONDS-EACH [TARGET...]. Frames of the data folder (WAYSIDE_DATA, default ../shared/data), where
# there is one, are seeds beside the corpus.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
build=$(cd "${1:?build folder}" && pwd)
seconds=${2:-60}
shift $(($# < 2 ? $# : 2))
data=${WAYSIDE_DATA:-$root/../shared/data}
seeds=$(find "$build/tests" -type f -name make_real_seeds)
[ -z "$seeds" ] || [ ! -d "$data/v2x" ] || "$seeds" "$data" "$build/seeds"
bad=
for target in $(find "$build/tests" -type f -perm -u+x -name 'fuzz_*' | sort); do
    name=$(basename "$target")
    [ $# -eq 0 ] || [[ " $* " == *" ${name#fuzz_} "* ]] || continue
    work=$build/corpus/$name
    mkdir -p "$work"
    echo "== $name, $seconds s"
    "$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=0 -verbosity=0 \
        -artifact_prefix="$build/$name-" "$work" "$root/tests/fuzz/corpus/${name#fuzz_}" \
        $([ ! -d "$build/seeds/${name#fuzz_}" ] || echo "$build/seeds/${name#fuzz_}") || bad="$bad $name"
done
[ -z "$bad" ] || { echo "findings:$bad (files in $build)"; exit 1; }
echo 'no findings'
