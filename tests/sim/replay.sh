#!/bin/sh
# A seed is the same run in every process, and a failure is replayed, with its trace, by the command that it prints.
#
#   replay.sh SIMULATE
set -eu
simulate=$1
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT INT TERM

fail() {
  echo "$1" >&2
  exit 1
}

"$simulate" --seeds 3 --from 11 --trace >"$logs/one"
"$simulate" --seeds 3 --from 11 --trace >"$logs/other"
cmp "$logs/one" "$logs/other" || fail "the same seeds gave two traces"

# Without time for faults none can strike, so that asking for one must fail.
if "$simulate" --seeds 5 --from 11 --nodes 2 --chaos 0 --fault crash >"$logs/failure"; then fail "no failure"; fi
wanted='FAILED at seed 11: the fault crash never struck'
grep -qx "$wanted" "$logs/failure" || fail "the failure is not told: $(cat "$logs/failure")"

options=$(sed -n 's|^  replay: tools/simulate ||p' "$logs/failure")
[ -n "$options" ] || fail "no command to replay it"
# shellcheck disable=SC2086  # the options are words
if "$simulate" $options >"$logs/replay"; then fail "the replay did not fail"; fi
grep -qx "$wanted" "$logs/replay" || fail "the replay says something else"
grep -q 'FAILURE: the fault crash never struck' "$logs/replay" || fail "the replay has no trace"
