# bzip2; called bunzip2 or bzcat it decompresses.
packages="bzip2"
modules="bzip2"

build() {
  compile -D_FILE_OFFSET_BITS=64 "$src"/bzip2/{blocksort,huffman,crctable,randtable,compress,decompress,bzlib,bzip2}.c -o bzip2
  install_wasm bzip2 bzip2
}
