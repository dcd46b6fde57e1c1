#!/bin/sh
# No symbol that one archive defines for others is defined or wanted by another archive.
#
#   nothing_shared.sh NM ARCHIVE OTHER    prints what ARCHIVE has of OTHER's, and ends with 1 if it has anything
#
# Weak symbols (inline functions, templates) are defined by whoever uses them, and do not count.
set -eu
nm=$1 archive=$2 other=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$nm" -g "$other" | awk 'NF == 3 && $2 ~ /^[TDBRS]$/ { print $3 }' | sort -u >"$work/defined"
"$nm" -g "$archive" | awk 'NF >= 2 && $(NF - 1) ~ /^[TDBRSU]$/ { print $NF }' | sort -u >"$work/named"
[ -s "$work/defined" ] || { echo "$other defines nothing" && exit 1; }
[ -s "$work/named" ] || { echo "$archive names nothing" && exit 1; }
comm -12 "$work/defined" "$work/named" >"$work/shared"
[ ! -s "$work/shared" ] || { sed "s|^|$archive has |" "$work/shared" && exit 1; }
