#!/bin/sh
# rsuctl map on real OpenDRIVE files: the true change lists between versions, and a file that comes back octet for
# octet when nothing changed. 77: no data folder.
set -eu
rsuctl=$1
data=${WAYSIDE_DATA:-$2/../shared/data}/maps/opendrive
[ -d "$data" ] || exit 77
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

differ() { # from to new modified removed
    got=$("$rsuctl" map diff "$data"/signs500m_"$1"_*.xodr "$data"/signs500m_"$2"_*.xodr | tail -n 1)
    want="$(($3 + $4 + $5)) changes: $3 new, $4 modified, $5 removed"
    [ "$got" = "$want" ] || {
        echo "$1 -> $2: \"$got\", not \"$want\"" >&2
        exit 1
    }
}
differ v1 v2 2 0 0
differ v2 v3 1 0 0
differ v3 v4 0 0 1
differ v4 v5 2 0 0
differ v5 v1 0 0 4

for file in "$data"/*.xodr; do
    "$rsuctl" map import "$file" --out "$dir/map.wmap" >"$dir/said" 2>&1
    "$rsuctl" map export "$dir/map.wmap" --to opendrive --base "$file" --out "$dir/out.xodr" 2>"$dir/said"
    cmp "$file" "$dir/out.xodr"
done

# Another file than the map's, and none at all, are refused by name.
set +e
"$rsuctl" map export "$dir/map.wmap" --to opendrive --base "$data/jolengatan.xodr" 2>"$dir/said" >/dev/null
[ $? -eq 3 ] && grep -q 'not the file that the map was imported from' "$dir/said" || exit 1
"$rsuctl" map export "$dir/map.wmap" --to opendrive 2>"$dir/said" >/dev/null
[ $? -eq 2 ] && grep -q 'needs --base' "$dir/said" || exit 1
