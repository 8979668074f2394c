# jq with the oniguruma it is built with on Debian. Their archives carry no configure; both are a handful of plain C files.
packages="jq libonig"
modules="jq"

# The functions jq's configure looks for and Debian 12's jq has.
jq_math="acos acosh asin asinh atan2 atan atanh cbrt ceil copysign cos cosh drem erf erfc exp10 exp2 exp expm1 fabs fdim floor fma
  fmax fmin fmod frexp gamma hypot j0 j1 jn ldexp lgamma log10 log1p log2 log logb modf lgamma_r nearbyint nextafter nexttoward
  pow remainder rint round scalb scalbln significand sin sinh sqrt tan tanh tgamma trunc y0 y1 yn"
jq_functions="memmem mkstemp isatty strptime strftime timegm gmtime_r gmtime localtime_r localtime gettimeofday setlocale
  tm_tm_gmt_off alloca_h pthread_once pthread_key_create atexit"

build_onig() { # -> onig/libonig.a
  mkdir onig && cd onig
  printf '#define %s\n' 'SIZEOF_INT 4' 'SIZEOF_LONG 4' 'SIZEOF_LONG_LONG 8' 'SIZEOF_VOIDP 4' 'HAVE_ALLOCA_H 1' 'HAVE_STDINT_H 1' \
    'HAVE_SYS_TYPES_H 1' 'HAVE_UNISTD_H 1' 'HAVE_INTTYPES_H 1' 'HAVE_SYS_TIME_H 1' 'PACKAGE "onig"' 'VERSION "6.9.8"' >config.h
  archive libonig.a -I. -I"$src/libonig/src" -DHAVE_CONFIG_H -DONIG_STATIC -- "$src"/libonig/src/{regparse,regcomp,regexec,regenc}.c \
    "$src"/libonig/src/{regerror,regext,regsyntax,regtrav,regversion,st,reggnu,unicode,unicode_unfold_key,unicode_fold1_key}.c \
    "$src"/libonig/src/{unicode_fold2_key,unicode_fold3_key,ascii,utf8,onig_init}.c
  cd ..
}

build() {
  build_onig
  mkdir -p src
  sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/^/"/' -e 's/$/\\n"/' "$src/jq/src/builtin.jq" >src/builtin.inc
  printf '#define JQ_VERSION "%s"\n' "$(sh "$src/jq/scripts/version")" >src/version.h
  local flags=(-D_GNU_SOURCE -DHAVE_LIBONIG=1 -DIEEE_8087=1 -Dgamma=lgamma) name
  for name in $jq_math $jq_functions; do flags+=("-DHAVE_${name^^}=1"); done
  archive libjq.a -I. -Isrc -I"$src/jq/src" -I"$src/libonig/src" "${flags[@]}" -- "$src"/jq/src/{builtin,bytecode,compile,execute,jq_test,jv}.c \
    "$src"/jq/src/{jv_alloc,jv_aux,jv_dtoa,jv_file,jv_parse,jv_print,jv_unicode,linker,locfile,util,lexer,parser,main}.c
  compile libjq.a onig/libonig.a -o jq
  install_wasm jq jq
}
