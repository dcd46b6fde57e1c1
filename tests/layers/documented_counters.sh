#!/bin/sh
# Every counter of the structures below has its row in docs/limits.md, and no row is left of one that is gone.
#
#   documented_counters.sh ROOT [PAGE]    PAGE instead of ROOT/docs/limits.md; prints what is wrong, and ends with 1 then
set -eu
root=$1 page=${2:-$1/docs/limits.md}

# counters STRUCT FILE
counters() {
  sed -n "/^struct $1 {/,/^};/p" "$root/$2" | sed -n 's/^ *std::[a-z0-9_]* \([a-z_]*\) = 0;.*/\1/p'
}

# section STRUCT: the names in the table below its heading
section() {
  awk -v of="\`$1\`" '/^###/ { is_here = index($0, of) > 0 } is_here && /^\| `/ { gsub(/[|`]/, ""); print $1 }' "$page"
}

status=0
check() {
  counters "$1" "$2" | sort >"$work/code"
  section "$1" | sort >"$work/page"
  [ -s "$work/code" ] || { echo "$2: no struct $1 with counters" && status=1; }
  if ! diff "$work/code" "$work/page" >"$work/diff"; then
    sed -n -e "s|^< \(.*\)|docs/limits.md: $1::\1 is missing|p" -e "s|^> \(.*\)|docs/limits.md: $1 has no \1|p" "$work/diff"
    status=1
  fi
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
check NodeStats include/distflow/stats.hpp
check SendStats include/distflow/stats.hpp
check ReceiveStats include/distflow/stats.hpp
check ServerCounters src/pmd/server/options.hpp
check BackendCounters src/io/backend.hpp
check ListenerCounters src/stream/listener.hpp
exit $status
