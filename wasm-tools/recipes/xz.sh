# xz; called unxz, xzcat, lzma, unlzma or lzcat it does what those do.
packages="xz-utils"
modules="xz"

build() {
  configure xz-utils --disable-shared --enable-static --disable-threads --disable-assembler --disable-lzmadec \
    --disable-lzmainfo --disable-lzma-links --disable-scripts --disable-doc --enable-sandbox=no
  targets src/liblzma liblzma.la
  targets src/xz xz
  install_wasm src/xz/xz xz
}
