# Debian's hostname; as dnsdomainname, domainname, nisdomainname and ypdomainname it prints those.
packages="hostname"
modules="hostname"

build() {
  coquina-cc -O2 -w "$src/hostname/hostname.c" -o hostname
  install_wasm hostname hostname
}
