#!/bin/sh
# tools/run_document finds what is wrong in a document, and finds nothing where nothing is wrong.
#
#   run_document_test.sh ROOT      with a daemon that does nothing: no program of the build is needed
set -eu
root=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir -p "$folder/prefix/bin" "$folder/prefix/include/distflow" "$folder/prefix/lib/pkgconfig" "$folder/build/bin"
printf 'Name: distflow\nDescription: none\nVersion: 0\nLibs:\n' >"$folder/prefix/lib/pkgconfig/distflow.pc"
printf 'namespace distflow { struct NodeRuntime {}; }\n' >"$folder/prefix/include/distflow/node_runtime.hpp"
cat >"$folder/prefix/bin/distflow-pmd" <<'PMD'
#!/bin/sh
echo 'PMD listening on port 7'
exec tail -f /dev/null
PMD
chmod +x "$folder/prefix/bin/distflow-pmd"

failed=0
# is_run STATUS SENTENCE: the document on the standard input is run, and the last line of what is said is in `said`.
is_run() {
  sed 's/^|//' >"$folder/page.md"
  status=0
  said=$(cd "$folder" && TMPDIR=$folder "$root/tools/run_document" --build build --prefix prefix page.md 2>&1) || status=$?
  if [ "$status" -ne "$1" ]; then
    printf 'not so: %s\n%s\n' "$2" "$said"
    failed=1
  fi
}
says() { case $said in *"$1"*) ;; *) printf 'it does not say "%s" but:\n%s\n' "$1" "$said" && failed=1 ;; esac; }

is_run 0 'what is as it is said to be passes' <<'PAGE'
|```console
|$ echo one; echo two >&2
|one
|t…o
|$ export WORD=three
|$ echo "$WORD
|> *?[x]"
|three
|*?[x]
|$ false
|$ echo $?
|1
|$ seq 9
|1
|…
|8
|9
|$ seq 9
|…
|$ echo "$DISTFLOW_PMD_ADDR"
|127.0.0.1:7
|```
PAGE
is_run 1 'another output is found' <<'PAGE'
|```console
|$ echo one
|two
|```
PAGE
says "page.md:2: not 'two' but:"
is_run 1 'an output that is missing is found' <<'PAGE'
|```console
|$ echo one
|one
|two
|```
PAGE
says "page.md:2: 'two' does not come"
is_run 1 'an output that the document does not show is found' <<'PAGE'
|```console
|$ echo one; echo two
|one
|```
PAGE
says 'page.md:2: prints what the document does not show: two'
is_run 1 'a command that fails is found' <<'PAGE'
|```console
|$ true
|$ sh -c 'echo why; exit 3'
|why
|```
PAGE
says 'page.md:3: ends with 3'
is_run 1 'a character of a pattern stands for itself' <<'PAGE'
|```console
|$ echo one
|o*
|```
PAGE
says "not 'o*' but:"

is_run 0 'a command in a terminal goes on, while others run, until it is ended' <<'PAGE'
|```console
|$ mkfifo calls
|```
|```console first
|$ echo ready; while read -r line; do echo "got $line"; done <calls; exec tail -f /dev/null
|ready
|```
|```console
|$ echo one >calls
|```
|```console first
|got one
|```
|```console second
|$ echo here; exec tail -f /dev/null
|here
|```
PAGE
is_run 0 'an interrupt ends a command in a terminal, and its last lines are compared' <<'PAGE'
|```console first
|$ trap 'echo ended; exit' INT; echo ready; while :; do read -r line; done
|ready
|```
|```console first
|^C
|ended
|```
PAGE
is_run 0 'any lines of a terminal may come where the document has three dots, also before its next lines' <<'PAGE'
|```console first
|$ trap 'echo ended; exit' INT; echo ready; echo one; echo two; while :; do read -r line; done
|ready
|…
|```
|```console first
|^C
|ended
|```
PAGE
trap '' INT
is_run 0 'an interrupt ends a command where the runner itself ignores it, as in the background of a shell' <<'PAGE'
|```console first
|$ echo ready; exec tail -f /dev/null
|ready
|^C
|```
PAGE
trap - INT
is_run 1 'what a terminal prints at last, and the document does not show, is found' <<'PAGE'
|```console first
|$ trap 'echo ended; exit' TERM; echo ready; while :; do read -r line; done
|ready
|```
PAGE
says 'page.md:2: prints what the document does not show: ended'

is_run 0 'a program is built and run' <<'PAGE'
|```cpp
|// two.cpp
|#include <cstdio>
|int main() { std::puts("two"); }
|```
|```console
|$ ./two
|two
|```
PAGE
is_run 1 'a program that does not build is found' <<'PAGE'
|```cpp
|// two.cpp
|int main() { return two; }
|```
PAGE
says 'page.md:1: two.cpp does not build'
is_run 0 'a fragment compiles' <<'PAGE'
|```cpp
|auto copy = node;
|```
PAGE
is_run 1 'a fragment that does not compile is found at its line' <<'PAGE'
|```cpp
|auto copy = node;
|nude = copy;
|```
PAGE
says 'page.md:3:1: error'
is_run 1 'a block of sh that gives no reason is found' <<'PAGE'
|```sh
|make
|```
PAGE
says 'page.md:1: a block of sh'
is_run 0 'a block of sh with a reason is not run' <<'PAGE'
|```sh not run: as root
|exit 1
|```
PAGE

printf '#!/bin/sh\necho built\n' >"$folder/build/bin/is_built"
chmod +x "$folder/build/bin/is_built"
is_run 0 'a document that needs a program of the build is run' <<'PAGE'
|<!-- run: needs is_built -->
|```console
|$ build/release/bin/is_built
|built
|```
PAGE
is_run 77 'a document that needs a program that is neither installed nor built is skipped' <<'PAGE'
|<!-- run: needs is_not_built -->
|```console
|$ build/release/bin/is_not_built
|```
PAGE
says 'is_not_built is neither installed nor built'

DISTFLOW_PATIENCE=1
export DISTFLOW_PATIENCE
is_run 1 'a command that does not end is cut' <<'PAGE'
|```console
|$ tail -f /dev/null
|```
PAGE
says 'page.md:2: does not end'
is_run 1 'a line that never comes is not waited for without end' <<'PAGE'
|```console first
|$ tail -f /dev/null
|ready
|```
PAGE
says "page.md:2: 'ready' does not come"

[ "$(cd "$folder" && "$root/tools/run_document" --build build --prefix prefix page.md nothing.md 2>&1)" = 'run_document: cannot read nothing.md' ] ||
  { echo 'a document that is not there is not found' && failed=1; }
left=$(find "$folder" -mindepth 1 -maxdepth 1 -name 'tmp.*')
[ -z "$left" ] || { echo "files are left: $left" && failed=1; }
exit $failed
