#!/bin/sh
# tools/release in a clone: passes, writes the same archive twice, and names what does not fit.
#
#   release_test.sh SOURCE    ends with 77 where SOURCE is no repository
set -eu
git -C "$1" rev-parse --git-dir >/dev/null 2>&1 || { echo 'release_test: no repository; skipped' >&2 && exit 77; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
fail() { echo "release_test: $1" >&2 && cat "$folder/log" >&2 && exit 1; }
run() { tools/release "$@" >"$folder/log" 2>&1; }

# A copy of what is tracked, as a repository of its own: what the working tree holds is under test, committed or not.
mkdir "$folder/tree"
cd "$1"
git ls-files --cached --others --exclude-standard | while read -r name; do [ ! -f "$name" ] || echo "$name"; done |
  tar -c -T - | tar -x -C "$folder/tree"
cd "$folder/tree"
git init -q . && git add -A
git -c user.name=test -c user.email=test@example.invalid -c commit.gpgsign=false commit -qm all
version=$(sed -n 's/^#define DISTFLOW_VERSION_[A-Z]* \([0-9]*\)$/\1/p' include/distflow/version.hpp | paste -sd. -)

run "$version" --dry "$folder/first" || fail 'a dry run does not pass'
run "$version" --dry "$folder/second" || fail 'a second dry run does not pass'
cmp "$folder/first/distflow-$version.tar.gz" "$folder/second/distflow-$version.tar.gz" || fail 'two archives differ'
tar -tzf "$folder/first/distflow-$version.tar.gz" | grep -qx "distflow-$version/include/distflow/version.hpp" ||
  fail 'the archive lacks the headers'
! run 9.9.9 --dry "$folder/third" || fail 'another version than the header says passes'
grep -q 'version.hpp says' "$folder/log" || fail 'a wrong version is not named'
! run 1 || fail 'what is no version passes'

sed -i "s/^## $version .*/## $version - 2026-01-31/" CHANGELOG.md
! run "$version" "$folder/third" || fail 'a tree with changes passes'
grep -q 'not committed' "$folder/log" || fail 'changes are not named'
git -c user.name=test -c user.email=test@example.invalid -c commit.gpgsign=false commit -qam dated
run "$version" "$folder/third" || fail 'what fits does not pass'
grep -q "git tag -a v$version" "$folder/log" || fail 'the commands that tag are not printed'
git -c tag.gpgsign=false tag "v$version"
! run "$version" "$folder/third" || fail 'a tag that is there already passes'
