# xxd, one file of vim's source.
packages="vim"
modules="xxd"

build() {
  compile -DUNIX "$src/vim/src/xxd/xxd.c" -o xxd
  install_wasm xxd xxd
}
