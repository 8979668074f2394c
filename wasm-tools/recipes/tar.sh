# GNU tar. It runs gzip, bzip2 and xz for compressed archives: overlay/tar says how.
packages="tar"
modules="tar"

build() {
  export COQUINA_SJLJ=1 RSH=/usr/bin/rsh
  configure tar --without-selinux --without-posix-acls --without-xattrs --with-lzma=xz --libexecdir=/usr/sbin
  targets gnu all
  targets lib all
  targets src system.o CC="coquina-cc -I$here/overlay/tar"
  targets src tar
  install_wasm src/tar tar
}
