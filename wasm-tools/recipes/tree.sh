# tree.
packages="tree"
modules="tree"

build() {
  compile "$src"/tree/{tree,list,hash,color,file,filter,info,unix,xml,json,html,strverscmp}.c -o tree
  install_wasm tree tree
}
