# xxd, one file of vim's source.
packages="vim"
modules="xxd"

build() {
  coquina-cc -O2 -w -DUNIX "$src/vim/src/xxd/xxd.c" -o xxd
  install_wasm xxd xxd
}
