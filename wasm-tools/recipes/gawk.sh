# GNU awk. Extensions (dlopen), arbitrary precision, persistent memory and sockets are left out; it uses setjmp and fork.
packages="gawk"
modules="gawk"

build() {
  export COQUINA_SJLJ=1
  coquina_site='ac_cv_func_getaddrinfo=no ac_cv_func_connect=no ac_cv_lib_socket_connect=no'
  export coquina_site
  configure gawk --disable-extensions --disable-mpfr --disable-pma --without-readline --without-libsigsegv-prefix
  targets support all
  targets . gawk
  install_wasm gawk gawk
}
