#!/bin/sh
# tools/api_reference on the public headers, and on some with a fault planted.
#
#   api_reference_test.sh SOURCE    ends with 77 where doxygen is missing
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
fail() { echo "api_reference_test: $1" >&2 && exit 1; }
"$1/tools/api_reference" "$folder/reference"
[ -f "$folder/reference/html/index.html" ] || fail 'there is no reference'

mkdir -p "$folder/tools" "$folder/docs"
cp "$1/tools/api_reference" "$folder/tools/"
cp "$1/docs/Doxyfile" "$1/docs/reference.dox" "$folder/docs/"
# planted NAME TEXT: a header that must not pass.
planted() {
  rm -rf "$folder/include"
  mkdir -p "$folder/include/distflow"
  printf '// A header.\n#pragma once\nnamespace distflow {\n%s\n}\n' "$2" >"$folder/include/distflow/planted.hpp"
  ! "$folder/tools/api_reference" "$folder/planted" >/dev/null 2>&1 || fail "$1 passes"
}
planted 'a structure without words' 'struct Planted { int a; };'
planted 'a function of the namespace without words' 'int planted();'
planted 'a function without words' "$(printf '/// One.\nstruct Planted {\n  int f();\n};')"
planted 'a wrong parameter' "$(printf '/// Does it. @param no none\nint planted(int yes);')"
planted 'words that would be taken for those of the line before' \
  "$(printf '/// One.\nstruct Planted {\n  int a;  ///< the first\n  /// The second.\n  int b;\n};')"
