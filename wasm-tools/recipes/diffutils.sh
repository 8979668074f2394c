# GNU diffutils. diff3, sdiff and diff -l run others through popen, so that no module needs exceptions.
packages="diffutils"
modules="diff cmp diff3 sdiff"

build() {
  export coquina_cflags="-isystem $here/overlay/nojump"
  coquina_site='ac_cv_func_fork=no ac_cv_func_vfork=no ac_cv_func_fork_works=no ac_cv_func_vfork_works=no'
  export coquina_site
  configure diffutils
  targets lib all
  targets src cmp.o CC="coquina-cc -DENABLE_NLS=1 -I$here/overlay/nls"
  targets src all
  local program
  for program in $modules; do install_wasm "src/$program" "$program"; done
}
