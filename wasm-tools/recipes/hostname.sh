# Debian's hostname, also as dnsdomainname and domainname. Name services come from overlay/hostname/netdb.h.
packages="hostname"
modules="hostname"

build() {
  compile -I"$here/overlay/hostname" -include "$here/overlay/hostname/first.h" "$src/hostname/hostname.c" -o hostname
  install_wasm hostname hostname
}
