#!/bin/bash
# The main job in a sandbox, then a fork of it: what `make demo` shows.
#
#   demo.sh COQUINA
set -euo pipefail
coquina=$1
here=$(cd "$(dirname "$0")" && pwd)
out=${COQUINA_BUILD:-$here/../target}/demo
rm -rf "$out" && mkdir -p "$out"

title() { printf '\n\033[1m%s\033[0m\n' "$*"; }
[[ -t 1 ]] || title() { printf '\n%s\n' "$*"; }

title '== An agent'\''s script over five tables of flights, in WebAssembly processes'
"$coquina" exec --metering --dir "$here/data::/data:ro" --dir "$out::/home/user/out" "$here/report.sh" /data out 2> "$out.metering" ||
  { cat "$out.metering" >&2; exit 1; }
title '== The report'
cat "$out/report.md"
title '== What each process used'
sort -k3,3nr "$out.metering" | awk 'NR <= 25 || /in all/' && echo "(all of it: $out.metering)"

title '== Compared with native bash'
for file in report.md carriers.csv rejects.csv summary.json SHA256SUMS; do
  cmp "$here/expected/$file" "$out/$file" && echo "the same: $file"
done

title '== Again, in a sandbox that is then forked and broken'
"$coquina" demo --dir "$here/data::/data:ro" "$here/report.sh" /data out | sed -n '/^--- a fork/,$p'
