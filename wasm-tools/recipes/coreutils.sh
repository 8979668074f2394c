# GNU coreutils as one program that looks at the name it was called by; as programs of their own the two that fork, since that
# needs exceptions in the module, and stdbuf, which upstream leaves out of the one program. Without fork,
# `sort --compress-program` and `install -s` fail with ENOSYS.
packages="coreutils"
modules="coreutils timeout split stdbuf"

build() {
  export coquina_cflags="-isystem $here/overlay/nojump"
  coquina_site='ac_cv_func_gethostname=yes gl_cv_have_proc_uptime=yes gnulib_cv_have_boot_time=yes ac_cv_func_statx=yes'
  export coquina_site
  configure coreutils --enable-single-binary=symlinks --enable-install-program=arch,hostname --without-selinux \
    --without-openssl --without-libgmp --disable-acl --disable-xattr --disable-libcap
  cp config.cache "$cache"
  targets . src/libsinglebin_stat_a-stat.o CPPFLAGS=-D__linux__ # it then knows Linux's names of file systems
  targets . src/coreutils
  install_wasm src/coreutils coreutils
  compile -c "$here/overlay/timeout-exec.c" -o timeout-exec.o
  COQUINA_SJLJ=1 targets . src/timeout CPPFLAGS="-include $here/overlay/timeout.h" LIBS="$PWD/timeout-exec.o -L$coquina_lib -lcoquina-tools"
  COQUINA_SJLJ=1 targets . src/split
  install_wasm src/timeout timeout
  targets . src/stdbuf
  install_wasm src/split split
  install_wasm src/stdbuf stdbuf
}
