#!/bin/sh
# Holds every link of the documents to a file that is there, and to a heading of that file.
#
#   document_links.sh ROOT      prints FILE: LINK of those that lead nowhere; ends with 1 if any does
set -eu
LC_ALL=C
export LC_ALL
cd "$1"

# shellcheck disable=SC2046  # no document has white space in its name
awk '
  function anchor(heading) {  # as GitHub makes it
    sub(/^#+ */, "", heading)
    heading = tolower(heading)
    gsub(/[^a-z0-9_ -]/, "", heading)
    gsub(/ /, "-", heading)
    return heading
  }
  FNR == 1 { folder = FILENAME; if (!sub(/\/[^\/]*$/, "/", folder)) folder = "" }
  /^#+ / { has[FILENAME "#" anchor($0)] = 1 }
  {
    rest = $0
    while (match(rest, /\]\([^) ]+\)/)) {
      link = substr(rest, RSTART + 2, RLENGTH - 3)
      rest = substr(rest, RSTART + RLENGTH)
      if (link !~ /^[a-z]+:/) { links++; from[links] = FILENAME; to[links] = link; base[links] = folder }
    }
  }
  END {
    for (i = 1; i <= links; i++) {
      at = index(to[i], "#")
      path = at ? substr(to[i], 1, at - 1) : to[i]
      path = path == "" ? from[i] : base[i] path
      while (sub(/[^\/]+\/\.\.\//, "", path)) continue
      is_there = system("test -e \"" path "\"") == 0
      if (is_there && (!at || path !~ /\.md$/ || (path "#" substr(to[i], at + 1)) in has)) continue
      failed = 1
      print from[i] ": " to[i]
    }
    if (links < 20) { print "only " links " links were found"; failed = 1 }
    exit failed
  }
' $(find . -name '*.md' -not -path './build/*' -not -path './third_party/*' -not -path './node_modules/*' | sed 's|^\./||' | sort)
