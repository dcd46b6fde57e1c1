#!/bin/sh
# Examples stay short enough to be read at once: no file of one has more than 80 lines.
#
#   examples_test.sh ROOT
set -eu
cd "$1/examples"
failed=0
count=0
for file in */*; do
  case $file in *.md) continue ;; esac
  count=$((count + 1))
  lines=$(wc -l <"$file")
  [ "$lines" -le 80 ] || { echo "examples/$file has $lines lines" && failed=1; }
done
[ "$count" -gt 10 ] || { echo "few files of examples were found: $count" && failed=1; }
exit $failed
