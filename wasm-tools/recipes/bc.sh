# GNU bc and dc. bc's library of functions is compiled by a bc made for this machine; Debian's flags.
packages="bc"
modules="bc dc"

build() {
  local s=$src/bc flags=(-w -DHAVE_CONFIG_H -I. -I"$src/bc/h" -D_POSIX_SOURCE -D_GNU_SOURCE -DDOT_IS_LAST -DDONTEXIT -funsigned-char)
  local bc=("$s"/bc/{main,bc,scan,execute,global,load,storage,util,warranty}.c "$s"/lib/{number,getopt,getopt1,vfprintf}.c)
  local dc=("$s"/dc/{dc,array,eval,misc,numeric,stack,string}.c "$s"/lib/{number,getopt,getopt1,vfprintf}.c)
  configure bc

  # libmath.h is libmath.b in bc's byte code, as strings: what bc's own fix-libmath_h makes of it.
  mkdir host target
  echo '{0}' >host/libmath.h
  gcc -O1 "${flags[@]}" -Ihost -I"$s/bc" "${bc[@]}" -o host/fbc
  host/fbc -c "$s/bc/libmath.b" </dev/null | sed '$d' |
    sed -e 's/.*/"&",/' -e '1s/^/{/' -e '$s/,$/,0}/' >target/libmath.h

  compile "${flags[@]}" -Itarget -I"$s/bc" "${bc[@]}" -o target/bc
  # Debian's patch has dc call functions of number.h that some of its files do not include.
  compile "${flags[@]}" -include stdio.h -include number.h -I"$s/dc" "${dc[@]}" -o target/dc
  install_wasm target/bc bc
  install_wasm target/dc dc
}
