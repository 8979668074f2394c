# GNU sed.
packages="sed"
modules="sed"

build() {
  configure sed --without-selinux --disable-acl --with-included-regex --with-packager=Debian
  targets . sed/sed
  install_wasm sed/sed sed
}
