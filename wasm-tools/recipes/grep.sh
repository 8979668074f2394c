# GNU grep with PCRE2 for -P. The sources of pcre2 need no configure: its generic settings, 8-bit, Unicode, no JIT.
packages="grep pcre2"
modules="grep"

build_pcre2() { # -> pcre/libpcre2-8.a
  mkdir pcre && cd pcre
  cp "$src/pcre2/src/pcre2.h.generic" pcre2.h
  cp "$src/pcre2/src/config.h.generic" config.h
  cp "$src/pcre2/src/pcre2_chartables.c.dist" pcre2_chartables.c
  local parts="auto_possess compile config context convert dfa_match error extuni find_bracket jit_compile maketables match match_data
    newline ord2utf pattern_info script_run serialize string_utils study substitute substring tables ucd valid_utf xclass"
  archive libpcre2-8.a -I. -I"$src/pcre2/src" -DHAVE_CONFIG_H -DPCRE2_CODE_UNIT_WIDTH=8 -DSUPPORT_PCRE2_8 -DSUPPORT_UNICODE \
    -DPCRE2_STATIC -- pcre2_chartables.c $(printf "$src/pcre2/src/pcre2_%s.c " $parts)
  cd ..
}

build() {
  build_pcre2
  export coquina_pcre=$PWD/pcre
  configure grep --enable-perl-regexp --with-included-regex
  targets lib all
  targets src all
  install_wasm src/grep grep
}
