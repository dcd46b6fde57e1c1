#!/bin/sh
# Every command of the repository that a page's shell blocks name is there: tools/NAME, and each preset of CMake.
#
#   documented_commands.sh ROOT PAGE...    prints what is wrong, and ends with 1 then
set -eu
root=$1
shift
status=0
for page in "$@"; do
  blocks=$(awk '/^```/ { is_code = /^```sh/ && !is_code; next } is_code' "$root/$page")
  for tool in $(printf '%s\n' "$blocks" | grep -o '\(tools\|\.ci\)/[a-z_]*' | sort -u); do
    [ -x "$root/$tool" ] || { echo "$page: there is no $tool" && status=1; }
  done
  for preset in $(printf '%s\n' "$blocks" | sed -n 's/.*--preset \([a-z]*\).*/\1/p' | sort -u); do
    grep -q "\"name\": \"$preset\"" "$root/CMakePresets.json" || { echo "$page: there is no preset $preset" && status=1; }
  done
done
exit $status
