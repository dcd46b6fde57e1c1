#!/bin/sh
# tools/check_abi on small libraries: one that fits, one that shows an inner name, one that lacks a name.
#
#   check_abi_test.sh SOURCE COMPILER
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
fail() { echo "check_abi_test: $1" >&2 && cat "$folder/log" >&2 && exit 1; }
mkdir -p "$folder/tools" "$folder/src/io" "$folder/tests/consumer"
cp "$1/tools/check_abi" "$folder/tools/"

compiler=$2
# library NAME TEXT
library() {
  printf '%s\n' "$2" >"$folder/$1.cpp"
  "$compiler" -shared -fPIC -o "$folder/$1.so" "$folder/$1.cpp"
}
check() { "$folder/tools/check_abi" "$@" >"$folder/log" 2>&1; }

library fits 'namespace distflow { void start(int) {} void stop() {} }'
library more 'namespace distflow { void start(int) {} void stop() {} void pause() {} }'
library inner 'namespace distflow { void start(int) {} void stop() {} namespace io { void listen() {} } }'
library alien 'namespace distflow { void start(int) {} void stop() {} } void helper() {}'
library changed 'namespace distflow { void start(long) {} void stop() {} }'

check --update "$folder/fits.so" || fail 'the list cannot be written'
check "$folder/fits.so" || fail 'what the list was made of does not pass'
check "$folder/more.so" || fail 'a new public name does not pass'
! check "$folder/inner.so" || fail 'an inner name passes'
grep -q 'distflow::io::listen' "$folder/log" || fail 'the inner name is not named'
! check "$folder/alien.so" || fail 'a name of no namespace passes'
! check "$folder/changed.so" || fail 'a changed signature passes'
grep -q 'distflow::start(int)' "$folder/log" || fail 'what is gone is not named'

# A tag of another minor version, or of a state that this one does not go back to, is no release of this one.
mkdir -p "$folder/include/distflow"
cp "$1/include/distflow/version.hpp" "$folder/include/distflow/"
repository() { git -C "$folder" -c user.name=n -c user.email=e -c commit.gpgsign=false "$@" >/dev/null; }
repository init -q
repository add tools
repository commit -q -m one
repository tag v99.0.0
check --release || fail 'without a release it ends with an error'
grep -q 'no release of this minor version yet' "$folder/log" || fail 'it does not say that there is no release'
