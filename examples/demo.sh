#!/bin/bash
# The main job in a sandbox, then a fork of it: what `make demo` shows.
#
#   demo.sh COQUINA
set -euo pipefail
coquina=$1
here=$(cd "$(dirname "$0")" && pwd)
out=${COQUINA_BUILD:-$here/../target}/demo
agent=$out.agent
rm -rf "$out" "$agent" && mkdir -p "$out" "$agent/export"

title() { printf '\n\033[1m%s\033[0m\n' "$*"; }
[[ -t 1 ]] || title() { printf '\n%s\n' "$*"; }

title '== An agent cleans, checks and summarises an export; what it writes waits for approval'
cp "$here"/data/* "$agent/export"
printf '[models.demo]\nkind = "scripted"\nscript = "%s"\n' "$here/agent/script.toml" > "$agent/config.toml"
# With COQUINA_MODEL_URL set a real model does the same job, in its own words.
COQUINA_CONFIG=$agent/config.toml "$coquina" agent --dir "$agent/export" --policy "$here/agent/policy.toml" --yes \
  'Clean this export of flights from New York, check it, summarise it by carrier and write a report'
if [[ -z ${COQUINA_MODEL_URL:-} ]]; then
  cmp "$here/agent/expected.md" "$agent/export/report.md"
  echo "the same as with native bash: report.md"
fi

title '== An agent'\''s script over five tables of flights, in WebAssembly processes'
"$coquina" exec --metering --dir "$here/data::/data:ro" --dir "$out::/home/user/out" "$here/report.sh" /data out 2> "$out.metering" ||
  { cat "$out.metering" >&2; exit 1; }
title '== The report'
cat "$out/report.md"
title '== What each process used'
sort -k3,3nr "$out.metering" | awk 'NR <= 25 || /in all/' && echo "(all of it: $out.metering)"

title '== Compared with native bash'
for file in report.md carriers.csv rejects.csv summary.json SHA256SUMS; do
  cmp "$here/expected/$file" "$out/$file"
  echo "the same: $file"
done

title '== Again, in a sandbox that is then forked and broken'
"$coquina" demo --dir "$here/data::/data:ro" "$here/report.sh" /data out | sed -n '/^--- a fork/,$p'
