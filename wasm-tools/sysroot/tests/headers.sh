#!/bin/bash
# headers.sh SYSROOT: every header of the C library stands on its own, in each dialect; prints those that do not.
set -u
sysroot=${1:?usage: headers.sh SYSROOT}
cd "$sysroot/cc/include" || exit
# what wasi-libc itself has only as leftovers of its origin
skip='sys/(reg|eventfd|stropts|timex|ttydefaults|errno|fcntl|poll|signal|syscall)\.h|syscall\.h|stropts\.h|mqueue\.h|ifaddrs\.h|tgmath\.h'
failed=0
for header in $( (ls ./*.h sys/*.h; cd wasm32-wasip1 && ls ./*.h sys/*.h) | sed 's|^\./||' | sort -u | grep -v '^_' | grep -vxE "$skip"); do
    for dialect in "-std=gnu17 -D_GNU_SOURCE" "-std=gnu99" "-std=c99 -D_POSIX_C_SOURCE=200809L" "-std=gnu23" "-std=c11"; do
        echo "#include <$header>" | "$sysroot/bin/coquina-cc" $dialect -Werror -xc -fsyntax-only - 2>/tmp/headers.$$ ||
            { echo "$header with $dialect: $(grep -m1 error: /tmp/headers.$$)"; failed=1; }
    done
done
rm -f /tmp/headers.$$
exit $failed
