# GNU patch.
packages="patch"
modules="patch"

build() {
  export coquina_site='ac_cv_func_fork=no ac_cv_func_vfork=no'
  configure patch --disable-xattr
  targets lib all
  targets src patch
  install_wasm src/patch patch
}
