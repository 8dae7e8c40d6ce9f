# shellcheck shell=bash
# Ports of this machine that nobody has and no other script takes meanwhile, for the scripts that source this.
# free_ports NAME COUNT: sets NAME to the first of COUNT ports, of at most 32. They lie below those that the kernel gives to
# outgoing connections, nobody listens there now, and other scripts that ask here get others until this one and all it started end.
free_ports() {
    local -n ret_first=$1
    local folder=${TMPDIR:-/tmp}/wayside-ports.$UID turn taken lock i
    mkdir -p "$folder"
    for turn in $(seq 500); do
        ret_first=$((10000 + RANDOM % 600 * 32))
        exec {lock}>"$folder/$ret_first" || continue
        if flock -n "$lock"; then
            taken=$(awk 'FNR > 1 { split($2, a, ":"); print a[2] }' /proc/net/tcp /proc/net/tcp6 2>/dev/null)
            for ((i = 0; i < $2; i++)); do
                grep -qx "$(printf '%04X' $((ret_first + i)))" <<<"$taken" && break
            done
            [ "$i" -lt "$2" ] || return 0
        fi
        exec {lock}>&-
    done
    echo "no $2 free ports in a row after $turn tries"
    exit 1
}
