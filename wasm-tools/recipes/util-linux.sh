# util-linux: the programs that work on text.
packages="util-linux"
modules="column rev hexdump"

build() {
  # On Linux it would want the kernel's headers.
  export coquina_site='ac_cv_host=wasm32-unknown-none' coquina_cflags=-DXTABS=014000
  configure util-linux --disable-shared --enable-static --without-python --without-systemd --without-udev --without-ncurses \
    --without-ncursesw --without-tinfo --without-readline --without-cap-ng --without-libz --without-libmagic --without-user \
    --without-btrfs --without-selinux --without-audit --without-utempter --without-econf --without-cryptsetup \
    --disable-libblkid --disable-libuuid --disable-libmount --disable-libfdisk --disable-liblastlog2 --disable-asciidoc --disable-poman
  targets . column rev hexdump
  local program
  for program in $modules; do install_wasm "$program" "$program"; done
}
