#!/bin/bash
# fetch.sh WORK NAME...: brings the source packages NAME of sources.lock into WORK/dl and unpacks them into WORK/src/NAME.
#
# Sources come through apt, from the archive this machine's own apt is configured for, by a private list of deb-src entries;
# the machine's lists are not touched. Every file is checked against sources.lock. What is there already is not fetched
# again; COQUINA_SOURCES=DIR names a folder with files fetched earlier, for a machine without an archive.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$1; shift
lock=$here/sources.lock
mkdir -p "$work/dl" "$work/src"
[ -n "${COQUINA_SOURCES:-}" ] && cp -n "$COQUINA_SOURCES"/* "$work/dl/" 2>/dev/null || true

say() { echo "  fetch: $*" >&2; }

# locked NAME: the version of a package; files NAME: its "HASH FILE" lines.
locked() { awk -v n="$1" '$1 == "package" && $2 == n { print $3; exit }' "$lock"; }
files() { awk -v n="$1" '$1 == "package" { on = $2 == n } on && $1 == "sha256" { print $2, $3 }' "$lock"; }

have() { # all files of NAME are in dl with the right hashes
  (cd "$work/dl" && files "$1" | sed 's/ /  /' | sha256sum --check --status --strict 2>/dev/null)
}

# The machine's Debian archive as deb-src entries: both kinds of apt source file, suites of this release only.
private_apt() {
  apt=$work/apt
  mkdir -p "$apt"/{lists/partial,cache/archives/partial,parts}
  cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null | sed -n 's/^deb /deb-src /p' |
    grep -E '[[:space:]]bookworm' >"$apt/parts/machine.list" || true
  cat /etc/apt/sources.list.d/*.sources 2>/dev/null | sed 's/^Types:.*/Types: deb-src/' |
    awk 'BEGIN { RS = ""; ORS = "\n\n" } /Suites:[^\n]*bookworm/' >"$apt/parts/machine.sources" || true
  opts=(-o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$apt/parts" -o Dir::State::lists="$apt/lists"
    -o Dir::Cache="$apt/cache" -o APT::Sandbox::User=root)
  [ -n "$(find "$apt/updated" -mmin -30 2>/dev/null)" ] && return
  touch "$apt/updated"
  say "reading the archive's list of sources"
  apt-get "${opts[@]}" -qq update >&2 || apt-get "${opts[@]}" -qq update >&2 || say "apt-get update failed; going on"
}

download() { # NAME VERSION
  (cd "$work/dl" && apt-get "${opts[@]}" -qq source --only-source --download-only "$1=$2" >/dev/null 2>&1)
}

# Another Debian revision of the same upstream version, with the same upstream archive: prints its version.
substitute() { # NAME VERSION
  local other hash file
  for other in $(apt-cache "${opts[@]}" showsrc --only-source "$1" 2>/dev/null | sed -n 's/^Version: //p'); do
    [ "$other" != "$2" ] && [ "${other%-*}" = "${2%-*}" ] && download "$1" "$other" || continue
    while read -r hash file; do
      [[ $file != *.orig.tar.* ]] || (cd "$work/dl" && echo "$hash  $file" | sha256sum --check --status) || continue 2
    done < <(files "$1")
    say "$1 $2 is not in the archive: taking $other, the same upstream source"
    echo "$other"
    return
  done
  return 1
}

unpack_source() { # NAME VERSION
  local dsc=$1_${2#*:}.dsc
  rm -rf "$work/src/$1"
  (cd "$work/dl" && dpkg-source --no-check --no-copy -x "$dsc" "$work/src/$1" >"$work/src/$1.log" 2>&1) ||
    { cat "$work/src/$1.log" >&2; exit 1; }
  # Patches may have touched what configure and Makefile.in are made from; they are good as they are.
  find "$work/src/$1" \( -name aclocal.m4 -o -name configure -o -name 'Makefile.in' -o -name 'config.h*in' \) -exec touch {} +
}

fetch_source() { # NAME
  local version got
  version=$(locked "$1")
  [ -n "$version" ] || { say "$1 is not in sources.lock"; exit 1; }
  [ -e "$work/src/$1" ] && [ "$(cat "$work/src/$1.version" 2>/dev/null)" = "$(files "$1" | sha256sum)" ] && return
  got=$version
  if ! have "$1"; then
    private_apt
    say "$1 $version"
    download "$1" "$version" && have "$1" || got=$(substitute "$1" "$version") ||
      { say "$1 $version: not to be had, or its hash differs from sources.lock"; exit 1; }
  fi
  unpack_source "$1" "$got"
  files "$1" | sha256sum >"$work/src/$1.version"
}

for name; do fetch_source "$name"; done
