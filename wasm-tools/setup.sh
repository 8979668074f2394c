#!/bin/bash
# setup.sh [PROGRAM:PACKAGE...]: installs the system packages that building the guests needs, and those of the programs named (as root,
# through apt), or says exactly which are missing. `python3/MODULE` is a module of Python's.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

wanted=("$@")

has() {
  case $1 in
    python3/*) python3 -c "import ${1#*/}" 2>/dev/null ;;
    *) command -v "$1" >/dev/null ;;
  esac
}

# What is missing: the toolchain's packages, those that unpack the tools' source packages, and what was asked for.
missing() {
  local command
  "$here"/sysroot/check.sh || true
  for command in dpkg-source:dpkg-dev patch:patch xz:xz-utils "${wanted[@]}"; do
    has "${command%:*}" || { echo "missing: ${command%:*} (Debian: ${command#*:})" >&2; echo "${command#*:}"; }
  done
}

packages=$(missing 2>/dev/null)
[ -z "$packages" ] && exit 0

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
  packages=$(missing)
  echo "Install these, then run this again. On Debian, as root: apt-get install --no-install-recommends" $packages >&2
  exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
packages=$(missing 2>/dev/null) # package lists tell the newest clang
echo "==> installing" $packages
install() { apt-get install -y -qq --no-install-recommends $packages >/dev/null; }
install || { echo "==> installing once more: the first try failed"; install; }
