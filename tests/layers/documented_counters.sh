#!/bin/sh
# Every counter of the structures below has its row in docs/limits.md, and no row is left of one that is gone. Those that
# stats() publishes have their row in the table of src/runtime/counters/counter_table.hpp, under their own names.
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

# table STRUCT: the names in the rows that refer to its members; one that has another name is written with it
table() {
  tr -d '\n' <"$root/src/runtime/counters/counter_table.hpp" | sed 's/ *row</\n&/g; s/Row{/\n&/g' |
    sed -n "s/.*row<&$1::\([a-z_]*\)>( *\"\([a-z_]*\)\".*/\1 \2/p
            s/^[A-Za-z]*Row{ *\"\([a-z_]*\)\".*&$1::\([a-z_]*\),.*/\2 \1/p" |
    awk '$1 == $2 { print $1 } $1 != $2 { print $1 " called " $2 }'
}

status=0
check_table() {
  # The name of a flag, which is no counter, is known by its type.
  { counters "$1" "$2"; sed -n "/^struct $1 {/,/^};/p" "$root/$2" | sed -n 's/^ *bool \([a-z_]*\) = .*/\1/p'; } |
    sort >"$work/code"
  table "$1" | sort >"$work/table"
  if ! diff "$work/code" "$work/table" >"$work/diff"; then
    sed -n -e "s|^< \(.*\)|counter_table.hpp: $1::\1 is missing|p" -e "s|^> \(.*\)|counter_table.hpp: $1 has no \1|p" "$work/diff"
    status=1
  fi
}

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
check AskStats include/distflow/stats.hpp
check SendStats include/distflow/stats.hpp
check ReceiveStats include/distflow/stats.hpp
check ServerCounters src/pmd/server/options.hpp
check HttpCounters src/http/server.hpp
check FiguresCounters src/pmd/web/figures.hpp
check NodeViewCounters src/pmd/web/node_views.hpp
check MeshLinkCounters src/pmd/web/mesh_links.hpp
check BackendCounters src/io/backend.hpp
check ListenerCounters src/stream/listener.hpp
check HandshakeCounters src/stream/stream_setup.hpp
for struct in SendStats ReceiveStats AskStats NodeStats; do check_table $struct include/distflow/stats.hpp; done
exit $status
