#!/bin/bash
# clang-tidy over every tracked C file that the build knows. usage: tidy.sh BUILD-FOLDER
set -eu
cd "$(dirname "$0")/../.."
build=${1:?build folder}
git ls-files '*.c' | while read -r f; do
    grep -q "\"$PWD/$f\"" "$build/compile_commands.json" && echo "$f"
done | xargs -P "$(nproc)" -n 1 clang-tidy -p "$build" --quiet --extra-arg=-Wno-unknown-warning-option
