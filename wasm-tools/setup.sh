#!/bin/bash
# Installs the system packages that building the guests needs (as root, through apt), or says exactly which are missing.
set -euo pipefail

packages=(
  rustc-web rust-web-src                                      # a Rust compiler and its library's source
  clang-22 lld-22 llvm-22 libclang-rt-22-dev-wasm32 wasi-libc # a C compiler and library for WebAssembly
  dpkg-dev patch xz-utils                                     # unpacking the tools' source packages
)

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
  echo "This is no Debian, so nothing is installed. Needed: ${packages[*]}, or what wasm-tools/sysroot/README.md says serves instead." >&2
  exit 0
fi

missing=()
for package in "${packages[@]}"; do
  [[ $(dpkg-query -W -f '${Status}' "$package" 2>/dev/null) == *"ok installed" ]] || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

if [ "$(id -u)" -ne 0 ]; then
  echo "Missing packages. As root: apt-get install --no-install-recommends ${missing[*]}" >&2
  exit 1
fi
echo "==> installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
install() { apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null; }
install || { echo "==> installing once more: the first try failed"; install; }
