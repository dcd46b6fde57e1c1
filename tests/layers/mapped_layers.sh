#!/bin/sh
# Holds the map to src/layers.txt: ARCHITECTURE.md names every layer and room, and no file or folder that is not there.
#
#   mapped_layers.sh ROOT
set -eu
cd "$1"
page=ARCHITECTURE.md
failed=0
for name in $(sed -nE 's|^([a-z_/]+):.*|\1|p' src/layers.txt); do
  grep -qE "\`src/$name[/\`.]" "$page" || { echo "$page: has no \`src/$name\`, which src/layers.txt has"; failed=1; }
done
for path in $(grep -oE '`(src|include|bench|tests|tools|cmake)/[^` ]*`' "$page" | tr -d '`' | sort -u); do
  # shellcheck disable=SC2086  # a path of the page may be a pattern, and a room may be a header
  ls -d $path >/dev/null 2>&1 || [ -e "$path.hpp" ] || { echo "$page: $path is not there"; failed=1; }
done
exit $failed
