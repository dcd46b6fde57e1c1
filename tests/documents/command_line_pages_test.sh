#!/bin/sh
# The man pages and the completions of zsh and fish: what --help says, and without an error where they are read.
#
#   command_line_pages_test.sh ROOT BUILD      tools that are not installed are left out
set -eu
LC_ALL=C
export LC_ALL
cd "$1"
build=$2
completions=tools/completions
failed=0
complain() { printf '%s\n' "$*" && failed=1; }
has() { command -v "$1" >/dev/null 2>&1; }

tools/command_line_pages --check --build "$build" || failed=1

for page in docs/man/*.1; do
  said=''
  ! has man || said=$(man --warnings -l -Tutf8 -Z "$page" 2>&1 >/dev/null)
  ! has mandoc || said=$said$(mandoc -Tlint -Wwarning "$page" 2>&1) || true
  [ -z "$said" ] || complain "$page: $said"
done

! has zsh || zsh -n "$completions/_distflow" || complain 'zsh cannot read its completions'
! has fish || fish -n "$completions/distflow.fish" || complain 'fish cannot read its completions'

# below PLACE: the commands that its help lists.
below() { "$build/bin/distflow" "$@" --help | awk '/^[A-Z]/ { is_there = 0 } tolower($0) ~ /^subcommands:/ { is_there = 1; next } is_there && /^  [a-z]/ { print $1 }'; }
# options COMMAND...: the long ones that its help lists.
options() { "$@" --help | awk '/^  -/ { print $1 }' | tr ',' '\n' | sed 's/{.*//' | grep '^--' | sort; }

list=$(mktemp)
trap 'rm -f "$list"' EXIT
{
  echo
  for command in $(below); do
    echo "$command"
    for deeper in $(below "$command"); do echo "$command $deeper"; done
  done
} >"$list"
[ "$(grep -c . "$list")" -gt 8 ] || complain "few commands were found: $(cat "$list")"
while read -r place; do
  # shellcheck disable=SC2086  # words
  expected=$(options "$build/bin/distflow" $place)
  if has fish; then
    offered=$(fish --no-config -c "source $completions/distflow.fish; complete -C 'distflow $place --'" 2>&1 | cut -f1 | sort)
    [ "$offered" = "$expected" ] || complain "fish offers behind 'distflow $place':
$offered"
  fi
  if has zsh; then
    function=_distflow$(printf ' %s' "$place" | sed 's/ *$//' | tr ' -' '__')_words
    # Its own functions are replaced by ones that print what they are given.
    offered=$(zsh -f -c "_arguments() { print -rl -- \"\$@\" }; _describe() {}; source $completions/_distflow >/dev/null; $function" |
      sed -n 's/^\(--[a-z-]*\).*/\1/p' | sort)
    [ "$offered" = "$expected" ] || complain "zsh offers behind 'distflow $place':
$offered"
  fi
done <"$list"
if has zsh; then
  # zsh calls the one function for both programs.
  for program in distflow distflow-pmd; do
    offered=$(zsh -f -c "_arguments() { print -rl -- \"\$@\" }; _describe() {}; service=distflow; source $completions/_distflow >/dev/null
      service=$program; _distflow" | sed -n 's/^\(--[a-z-]*\).*/\1/p' | sort)
    [ "$offered" = "$(options "$build/bin/$program")" ] || complain "zsh offers behind '$program':
$offered"
  done
fi
exit $failed
