#!/bin/sh
# Holds the library to its one place that names a kind of registry of a node: but for that and its own file, no source
# includes the header.
#
#   one_choice.sh ROOT
set -eu
cd "$1"
named=$(grep -rlF '"runtime/node/pmd_registry.hpp"' src | LC_ALL=C sort | tr '\n' ' ')
[ "$named" = "src/runtime/node/pmd_registry.cpp src/runtime/node/registry_choice.cpp " ] || {
  echo "the client of a PMD's registry is named in: $named"
  exit 1
}
