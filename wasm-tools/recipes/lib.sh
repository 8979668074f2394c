# lib.sh: what the recipes use. build.sh sources it and then one recipe, in a folder of its own, with these exported:
#   src      unpacked sources, one folder a package, never written to
#   out      where the finished NAME.wasm goes
#   cache    configure's answers, shared; made by the first recipe (coreutils)
#   here     wasm-tools/
# A recipe sets `packages` (names in sources.lock) and `build`, a function run in an empty folder.
# Module names: a recipe's `modules` lists the NAME.wasm it makes.

# GNU configure, told that the host is a musl system: gnulib then guesses right where it cannot run its tests. Each
# tool starts from a copy of the shared answers, so no tool's own answers reach another.
configure() { # PACKAGE [ARGS...]
  local package=$1
  shift
  [ -e "$cache" ] && cp "$cache" config.cache
  CONFIG_SITE=$here/config.site FORCE_UNSAFE_CONFIGURE=1 "$src/$package/configure" --cache-file=config.cache \
    --build="$(gcc -dumpmachine)" --host=wasm32-unknown-linux-musl --prefix=/usr --sysconfdir=/etc --localstatedir=/var \
    --disable-nls --disable-dependency-tracking "$@"
}

# make in a folder, generated headers first, without the maintainers' tools (nothing here changes a file they are for).
targets() { # FOLDER TARGET...
  local quiet=(-C "$1" -f coquina.mk -j2 MAKEINFO=: HELP2MAN=: AUTOCONF=: AUTOMAKE=: ACLOCAL=: AUTOHEADER=:)
  shift
  printf 'include Makefile\ncoquina-headers: $(BUILT_SOURCES)\n' >"${quiet[1]}/coquina.mk"
  make "${quiet[@]}" coquina-headers
  make "${quiet[@]}" "$@"
}

# The compiler, for C files without a build system of their own.
compile() {
  coquina-cc -O2 -w -ffile-prefix-map="$src/=" "$@"
}

# C files into an archive.
archive() { # ARCHIVE FLAGS -- FILES
  local archive=$1 flags=() objects=() file
  shift
  while [ "$1" != -- ]; do flags+=("$1"); shift; done
  shift
  for file; do objects+=("$(basename "$file" .c).o"); done
  export -f compile
  printf '%s\n' "$@" | xargs -P 2 -I{} bash -c 'compile "$@" -c {} -o "$(basename {} .c).o"' bash "${flags[@]}"
  rm -f "$archive"
  coquina-ar rcs "$archive" "${objects[@]}"
}

# A finished program: names and debug sections stripped, put in place at once.
install_wasm() { # FILE NAME
  coquina-strip --strip-all -o "$out/$2.wasm.new" "$1"
  mv "$out/$2.wasm.new" "$out/$2.wasm"
}
