#!/bin/sh
# Holds comments and documents to docs/style.md: finds words that it does not want.
#
#   plain_words.sh ROOT    prints FILE:LINE: what is there; ends with 1 if anything is
set -eu
cd "$1"

# One a line. `tell`, `hear` and `say` are not among them: some of their meanings are plain.
words='whoever
but for
be it'

# Not in the page that names the words.
pages=$(find docs -name '*.md' ! -name style.md)

# A line that begins with a text of the program's is neither a comment nor a page.
# shellcheck disable=SC2086  # the pages are words of ours
if printf '%s\n' "$words" | grep -rniwF -f - src include examples $pages ./*.md | grep -v '^[^:]*:[0-9]*: *"'; then
  echo 'docs/style.md, "Words": name the subject that acts, or write "except"' >&2
  exit 1
fi
