#!/bin/sh
# Plants one line in a tree that keeps to the layers, and expects tools/check_layers to find it, or not to mind it.
#
#   planted_violation.sh CHECK_LAYERS found|allowed FILE LINE
set -eu
check_layers=$1 expected=$2 file=$3 line=$4

tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT INT TERM
cd "$tree"
mkdir -p include/distflow src/base src/cli
printf '#include <vector>\n#include <distflow/b.hpp>\n' >include/distflow/a.hpp
printf '#include "base/a.hpp"\n#include <distflow/a.hpp>\n' >src/base/a.cpp
printf 'df_layer(base\n  SOURCES\n    a.cpp)\n' >src/base/CMakeLists.txt
printf '#include <unistd.h>\n#include "runtime/process/node_host.hpp"\n' >src/cli/main.hpp

if ! "$check_layers" "$tree"; then
  echo "found fault with the clean tree"
  exit 1
fi

mkdir -p "$(dirname "$file")"
printf '#pragma once\n%s\n' "$line" >"$file"
if complaint=$("$check_layers" "$tree"); then verdict=allowed; else verdict=found; fi
echo "$complaint"
if [ "$verdict" != "$expected" ]; then
  echo "'$line' in $file was $verdict"
  exit 1
fi
case $verdict:$complaint in
  allowed:*) ;;
  found:"$file":*) ;;
  *) echo "the complaint does not begin with $file"; exit 1 ;;
esac
