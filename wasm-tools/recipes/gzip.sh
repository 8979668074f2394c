# GNU gzip; gunzip and zcat are scripts in rootfs/.
packages="gzip"
modules="gzip"

build() {
  configure gzip
  targets lib all
  targets . gzip
  install_wasm gzip gzip
}
