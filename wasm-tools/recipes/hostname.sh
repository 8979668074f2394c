# Debian's hostname, also as dnsdomainname and domainname. Name services come from overlay/include/netdb.h.
packages="hostname"
modules="hostname"

build() {
  coquina-cc -O2 -w -isystem "$coquina_overlay" -include "$here/overlay/hostname.h" "$src/hostname/hostname.c" -o hostname
  install_wasm hostname hostname
}
