# shellcheck shell=sh
# Checks of single files that need not be made again.
#
# check_each NAME BUILD CHECK FILE... runs the shell command CHECK for each file, two at once, with $1 as the file and $command
# as what BUILD/compile_commands.json compiles it with. A file that CHECK found nothing in is not read again while the
# file, all that it includes, its options and $rules are the same: that is kept in $XDG_CACHE_HOME/distflow/NAME, an empty
# file for each, for two weeks. Ends with an error if CHECK did for any file.
check_each() {
  cache=${XDG_CACHE_HOME:-$HOME/.cache}/distflow/$1
  build=$2 check=$3 root=$PWD
  shift 3
  mkdir -p "$cache"
  find "$cache" -type f -mtime +14 -delete
  export cache build check root rules
  # shellcheck disable=SC2016  # $1 is of the inner shell
  printf '%s\n' "$@" | xargs -n 1 -P "$(nproc 2>/dev/null || echo 2)" sh -c '
    command=$(grep -B 1 "\"file\": \"$root/$1\"" "$build/compile_commands.json" |
      sed -n "s/^ *\"command\": \"\(.*\)\",\$/\1/p" | sed "s/ -o [^ ]*//; s/\\\\\"/\"/g" | head -n 1)
    read_files=$(cd "$build" && eval "$(echo "$command" | sed "s/ -c / -M /")" | tr " " "\n" | grep "^/" | sort -u) || read_files=
    sum=$({ echo "$rules $command" | sed "s|$root|.|g"; cat $read_files; } | sha256sum | cut -d " " -f 1)
    if [ -n "$read_files" ] && [ -e "$cache/$sum" ]; then exit 0; fi
    eval "$check" && if [ -n "$read_files" ]; then touch "$cache/$sum"; fi' check_file
}

# built_sources BUILD PATTERN...: the tracked files like these that BUILD compiles, a line each.
built_sources() {
  local_build=$1
  shift
  git ls-files "$@" | while read -r file; do
    if grep -q "\"file\": .*/$file\"" "$local_build/compile_commands.json"; then echo "$file"; fi
  done
}
