# GNU find and xargs. Both fork to run commands.
packages="findutils"
modules="find xargs"

build() {
  export COQUINA_SJLJ=1
  configure findutils --without-selinux --enable-d_type-optimisation
  targets gl all
  targets lib all
  targets find all
  targets xargs all CPPFLAGS="-include $here/overlay/xargs.h"
  install_wasm find/find find
  install_wasm xargs/xargs xargs
}
