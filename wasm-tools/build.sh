#!/bin/bash
# build.sh OUTDIR SYSROOT [TOOL...]: the root image's programs into OUTDIR/*.wasm.
#
# Each tool has a recipe in recipes/. A tool is built again only when something it is made from changed: its recipe, the shared
# scripts, the locked sources, the toolchain. Sources, build folders and logs are in OUTDIR/.work.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=$(mkdir -p "$1" && cd "$1" && pwd)
sysroot=$(cd "$2" && pwd)
shift 2
selected=("$@") tools=("$@")
[ ${#selected[@]} -gt 0 ] ||
  tools=(coreutils findutils grep sed gawk jq diffutils patch tar gzip bzip2 xz bc tree xxd util-linux hostname)
work=$out/.work
mkdir -p "$work"/{stamps,build,logs}
export PATH=$sysroot/bin:$PATH LC_ALL=C coquina_overlay=$here/overlay/include coquina_lib=$work/lib
export here out src=$work/src
unset CONFIG_SITE CC CFLAGS CPPFLAGS LDFLAGS LIBS MAKEFLAGS
. "$here/recipes/lib.sh"

digest() { sha256sum | cut -d' ' -f1; }

# The toolchain: the compiler wrapper, headers and libraries.
toolchain=$(cd "$sysroot" && find -L bin cc -type f -print0 | sort -z | xargs -0 sha256sum | digest)

# What configure found out, good for this toolchain only.
common=$({ echo "$toolchain"; find "$here"/config.site "$here"/overlay/{include,lib} -type f | sort | xargs cat; } | digest)
export cache=$work/config-$common.cache
find "$work" -maxdepth 1 -name 'config-*.cache' ! -path "$cache" -delete

# Functions in which the tools need glibc's behaviour.
(
  mkdir -p "$coquina_lib" && cd "$coquina_lib"
  [ "$(cat stamp 2>/dev/null)" = "$common" ] && exit
  archive libcoquina-tools.a -isystem "$coquina_overlay" -- "$here"/overlay/lib/*.c
  echo "$common" >stamp
)

inputs() { # TOOL: a digest of all it is made from
  local package overlay
  {
    echo "$common"
    cat "$here/recipes/lib.sh" "$here/recipes/$1.sh"
    for overlay in $(grep -o 'overlay/[a-z]*' "$here/recipes/$1.sh" | cut -d/ -f2 | sort -u); do
      find "$here/overlay/" -path "$here/overlay/$overlay*" -type f | sort | xargs cat
    done
    for package in $packages; do awk -v n="$package" '/^package / { on = $2 == n } on' "$here/sources.lock"; done
  } | digest
}

built() { # TOOL DIGEST
  local module
  [ "$(cat "$work/stamps/$1" 2>/dev/null)" = "$2" ] || return 1
  for module in $modules; do [ -e "$out/$module.wasm" ] || return 1; done
}

one() { # TOOL
  local tool=$1 stamp log=$work/logs/$1.log start=$SECONDS
  # shellcheck source=/dev/null
  . "$here/recipes/$tool.sh"
  stamp=$(inputs "$tool")
  if built "$tool" "$stamp"; then
    echo "tools: $tool is up to date"
    return
  fi
  echo "tools: building $tool …"
  # shellcheck disable=SC2086
  "$here/fetch.sh" "$work" $packages
  rm -rf "${work:?}/build/$tool" "$work/stamps/$tool"
  mkdir -p "$work/build/$tool"
  (cd "$work/build/$tool" && bash -exc '. "$here/recipes/lib.sh"; . "$here/recipes/$1.sh"; build' bash "$tool") >"$log" 2>&1 || {
    grep -nE 'error:|undefined symbol|Error [0-9]' "$log" | tail -n 20 >&2 || tail -n 20 "$log" >&2
    echo "tools: $tool failed; the whole log is $log" >&2
    exit 1
  }
  rm -rf "${work:?}/build/$tool"
  (cd "$src" && for package in $packages; do rm -rf "$package" "$package.version"; done) # unpacked again when needed
  echo "$stamp" >"$work/stamps/$tool"
  echo "tools: $tool done in $((SECONDS - start)) s:$(cd "$out" && for m in $modules; do
    printf ' %s %s KiB' "$m" $(($(stat -c %s "$m.wasm") / 1024))
  done)"
}

for tool in "${tools[@]}"; do (one "$tool"); done

# Every program the image names is here, but for the shell, which guest/ makes.
missing=$(sed -n 's/^wasm = "\(.*\)"/\1/p' "$here/image.toml" | grep -vx bash | while read -r name; do
  [ -e "$out/$name.wasm" ] || printf ' %s' "$name"
done)
[ ${#selected[@]} -gt 0 ] || [ -z "$missing" ] || { echo "tools: image.toml names what no recipe made:$missing" >&2; exit 1; }
