#!/bin/sh
# Holds src/layers.txt to its own order: a line names only layers and rooms of the lines above it, so that the layers form
# no circle, and each line has a folder or a header.
#
#   ordered_layers.sh ROOT
set -eu
cd "$1"
awk -F: '
  /^[a-z_\/]+:/ {
    folders_and_headers = "test -e src/" $1 " || test -e src/" $1 ".hpp"
    if (system(folders_and_headers) != 0) complain($1 " is neither a folder nor a header of src/")
    count = split($2, below, " ")
    for (i = 1; i <= count; i++) if (!(below[i] in seen)) complain($1 " may include " below[i] ", which has no line above it")
    seen[$1] = 1
    lines++
  }
  function complain(what) { print FILENAME ":" FNR ": " what; failed = 1 }
  END { exit failed || lines == 0 }
' src/layers.txt
