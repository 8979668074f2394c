#!/bin/bash
# Report on departures from New York: checks, cleans and joins five tables, then writes
# report.md, carriers.csv, summary.json and rejects.csv with their checksums.
#
#   report.sh [DATA_DIR [OUT_DIR]]
set -euo pipefail
export LC_ALL=C

data=$(cd "${1:-$(dirname "$0")/data}" && pwd)
out=${2:-out}
mkdir -p "$out"
out=$(cd "$out" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'echo "report.sh: failed in line $LINENO" >&2' ERR

declare -A rows=() rejected=()
late_minutes=15
tab=$'\t'

step() { printf '%-34s %s\n' "$1" "$2" | tee -a "$work/log"; }

# clean NAME: drops the header, carriage returns and blank lines; tabs instead of commas, NA becomes empty.
clean() {
  sed -e 's/\r$//' -e '/^[[:space:]]*$/d' "$data/$1.csv" | tail -n +2 | tr ',' '\t' | sed -E ":a; s/(^|$tab)NA($tab|\$)/\1\2/; ta"
}

# validate NAME AWK_RULES: keeps the rows for which `bad` stays empty; the others go to rejects with the reason.
validate() {
  local name=$1 rules=$2
  awk -F'\t' -v OFS='\t' -v name="$name" -v rejects="$work/rejects.tsv" '
    function within(x, low, high) { return x == "" || (x ~ /^-?[0-9]+(\.[0-9]+)?(e-?[0-9]+)?$/ && x + 0 >= low && x + 0 <= high) }
    { bad = "" }
    '"$rules"'
    bad != "" { print name, NR + 1, bad, $1 >> rejects; next }
    { print }' "$work/$name.raw" > "$work/$name.tsv"
  rows[$name]=$(wc -l < "$work/$name.tsv")
  rejected[$name]=$(($(wc -l < "$work/$name.raw") - rows[$name]))
  step "validated $name" "${rows[$name]} rows, ${rejected[$name]} rejected"
}

# ---- input: whole and as expected
(cd "$data" && sha256sum --quiet -c SHA256SUMS)
step "checksums of the input" "$(grep -c . "$data/SHA256SUMS") files intact"
while read -r _ file; do
  [[ -s $data/$file ]] || { echo "missing $file" >&2; exit 1; }
  fields=$(awk -F, '{ print NF }' "$data/$file" | sort -n | uniq | paste -sd' ')
  [[ $fields =~ ^[0-9]+$ ]] || { echo "$file: rows of $fields fields" >&2; exit 1; }
done < "$data/SHA256SUMS"

for name in airlines airports planes flights weather; do clean "$name" > "$work/$name.raw"; done
: > "$work/rejects.tsv"

validate airlines '
  $1 !~ /^[0-9A-Z][0-9A-Z]$/ { bad = "carrier code" }
  seen[$1]++ { bad = "carrier twice" }'
# North America lies west of Greenwich, but for the end of the Aleutians.
validate airports '
  $1 !~ /^[0-9A-Z][0-9A-Z][0-9A-Z]$/ { bad = "airport code" }
  !within($3, 15, 72) { bad = "latitude " $3 }
  !within($4, -180, -60) && !($4 > 172 && $4 <= 180 && $3 > 50 && $3 < 55) { bad = "longitude " $4 }
  !within($5, -300, 15000) { bad = "altitude " $5 }'
validate planes '
  $1 !~ /^N[0-9A-Z]+$/ { bad = "tail number" }
  !within($2, 1950, 2013) { bad = "year " $2 }
  !within($6, 1, 4) { bad = "engines " $6 }
  !within($7, 2, 450) { bad = "seats " $7 }
  !within($8, 60, 700) { bad = "speed " $8 }'
validate flights '
  !within($4, 1, 2400) || $4 % 100 > 59 { bad = "departure " $4 }
  $1 != 2013 || !within($2, 1, 12) || !within($3, 1, 31) { bad = "date" }
  $16 == "" || !within($16, 50, 5000) { bad = "distance " $16 }
  $4 != "" && $6 == "" { bad = "departure without delay" }
  $4 != "" {
    planned = int($5 / 100) * 60 + $5 % 100; left = int($4 / 100) * 60 + $4 % 100
    if ((left - planned - $6) % 1440 != 0) bad = "delay " $6 " does not fit " $5 " and " $4
  }'
validate weather '
  !within($6, -20, 110) { bad = "temperature " $6 }
  !within($8, 0, 100) { bad = "humidity " $8 }
  !within($10, 0, 120) { bad = "wind " $10 }'

# ---- names of manufacturers: one spelling each
sed -E -i -e 's/\tAIRBUS INDUSTRIE\t/\tAIRBUS\t/' -e 's/\tMCDONNELL DOUGLAS( [A-Z ]+)?\t/\tMCDONNELL DOUGLAS\t/' \
  -e 's/\tCANADAIR LTD\t/\tCANADAIR\t/' "$work/planes.tsv"
step "manufacturers" "$(cut -f4 "$work/planes.tsv" | sort -u | grep -c .) after cleaning"

# ---- join: flights with carrier names, then with aircraft, then with destinations
# flight rows: carrier, tail, origin, dest, dep_delay, arr_delay, distance, hour, day (empty delay: cancelled)
cut -f3,6,9,10,12-14,16,17 "$work/flights.tsv" | awk -F'\t' -v OFS='\t' '{ print $4, $5, $6, $7, $2, $3, $8, $9, $1 }' |
  sort -t "$tab" -k1,1 > "$work/f.by_carrier"
join -t "$tab" "$work/f.by_carrier" <(sort -t "$tab" -k1,1 "$work/airlines.tsv") > "$work/f.named"
[[ $(wc -l < "$work/f.named") -eq ${rows[flights]} ]] || { echo "a carrier has no name" >&2; exit 1; }
sort -t "$tab" -k2,2 "$work/f.named" |
  join -t "$tab" -1 2 -2 1 -a 1 -e '' -o 1.1,0,1.3,1.4,1.5,1.6,1.7,1.8,1.9,1.10,2.2,2.4,2.7 - <(sort -t "$tab" -k1,1 "$work/planes.tsv") |
  sort > "$work/f.full"
step "flights with a known aircraft" "$(awk -F'\t' '$12 != ""' "$work/f.full" | wc -l) of ${rows[flights]}"
mapfile -t unknown < <(comm -23 <(cut -f4 "$work/f.full" | sort -u) <(cut -f1 "$work/airports.tsv" | sort -u))
step "destinations without an airport" "${#unknown[@]} (${unknown[*]})"

# ---- aggregate
{
  echo "carrier,name,flights,cancelled,mean_delay,late_percent,seats"
  awk -F'\t' -v late="$late_minutes" '
    { n[$1]++; name[$1] = $10; seats[$1] += $13 }
    $5 == "" { gone[$1]++; next }
    { sum[$1] += $5; flown[$1]++; if ($5 > late) over[$1]++ }
    END { for (c in n) printf "%s,%s,%d,%d,%.2f,%.1f,%d\n", c, name[c], n[c], gone[c], flown[c] ? sum[c] / flown[c] : 0, flown[c] ? 100 * over[c] / flown[c] : 0, seats[c] }
  ' "$work/f.full" | sort -t, -k3,3nr -k1,1
} > "$out/carriers.csv"

top() { sort -k1,1nr -k2 | head -n "$1"; }
cut -f4 "$work/f.full" | sort | uniq -c | sed -E 's/^ *([0-9]+) (.*)/\1\t\2/' | top 8 |
  while IFS=$tab read -r count code; do
    place=$(awk -F'\t' -v code="$code" '$1 == code { print $2; exit }' "$work/airports.tsv")
    printf '| %s | %s | %d |\n' "$code" "${place:-(not in the table)}" "$count"
  done > "$work/destinations.md"
awk -F'\t' '$5 != "" { n[$8]++; s[$8] += $5 } END { for (h in n) printf "%02d\t%d\t%.1f\n", h, n[h], s[h] / n[h] }' "$work/f.full" | sort > "$work/hours.tsv"
awk -F'\t' '$12 != "" { n[$12]++; if ($11 != "") { y[$12] += 2013 - $11; k[$12]++ } } END { for (m in n) printf "%d\t%s\t%s\n", n[m], m, k[m] ? sprintf("%.1f", y[m] / k[m]) : "-" }' "$work/f.full" |
  top 6 > "$work/makers.tsv"

# weather of the hour at the origin: mean delay by wind band
awk -F'\t' -v OFS='\t' '
  NR == FNR { wind[$1, $4, $5 + 0] = $10; next }
  $5 != "" && ($3, $9, $8 + 0) in wind { w = wind[$3, $9, $8 + 0]; b = int(w / 5) * 5; n[b]++; s[b] += $5 }
  END { for (b in n) print b, n[b], sprintf("%.1f", s[b] / n[b]) }' "$work/weather.tsv" "$work/f.full" | sort -n > "$work/wind.tsv"

# ---- the report
bar() { local width=$(($1 / 12)); ((width > 0)) && printf '#%.0s' $(seq "$width"); return 0; }
{
  cat <<E
# Departures from New York, 1 to $(cut -f9 "$work/f.full" | sort -nu | tail -n 1) January 2013

$(date -u -d 2013-01-01 '+%A %-d %B %Y') was the first day. ${rows[flights]} flights of $(cut -f1 "$work/f.full" | sort -u | wc -l) carriers to $(cut -f4 "$work/f.full" | sort -u | wc -l) destinations;
a departure more than $late_minutes minutes behind its schedule is late.

## Data quality

| table | rows | rejected |
| --- | ---: | ---: |
E
  for name in airlines airports planes flights weather; do printf '| %s | %d | %d |\n' "$name" "${rows[$name]}" "${rejected[$name]}"; done
  echo
  while IFS=$tab read -r table line reason key; do echo "- $table line $line ($key): $reason"; done < <(sort -t "$tab" -k1,1 -k2,2n "$work/rejects.tsv" | head -n 12)
  printf '\n## Carriers\n\n| carrier | flights | cancelled | mean delay | late |\n| --- | ---: | ---: | ---: | ---: |\n'
  tail -n +2 "$out/carriers.csv" | while IFS=, read -r code name n gone mean late _; do printf '| %s (%s) | %d | %d | %s | %s%% |\n' "$name" "$code" "$n" "$gone" "$mean" "$late"; done
  printf '\n## Destinations\n\n| code | airport | flights |\n| --- | --- | ---: |\n'
  cat "$work/destinations.md"
  printf '\n## Delay by hour of departure\n\n```\n'
  while read -r hour count mean; do printf '%s:00 %4d %6s %s\n' "$hour" "$count" "$mean" "$(bar "$count")"; done < "$work/hours.tsv"
  printf '```\n\n## Aircraft\n\n| maker | flights | mean age |\n| --- | ---: | ---: |\n'
  awk -F'\t' '{ printf "| %s | %d | %s |\n", $2, $1, $3 }' "$work/makers.tsv"
  printf '\n## Wind\n\n| miles per hour | flights | mean delay |\n| --- | ---: | ---: |\n'
  while read -r band count mean; do echo "| $band to $((band + 5)) | $count | $mean |"; done < "$work/wind.tsv"
} > "$out/report.md"

{ echo table,line,reason,key; sort -t "$tab" -k1,1 -k2,2n "$work/rejects.tsv" | tr '\t' ,; } > "$out/rejects.csv"
jq -R -s --argjson late "$late_minutes" '
  split("\n") | map(select(. != "") | split(",")) | .[1:]
  | map({carrier: .[0], name: .[1], flights: (.[2] | tonumber), cancelled: (.[3] | tonumber), mean_delay: (.[4] | tonumber)})
  | {late_minutes: $late, flights: (map(.flights) | add), cancelled: (map(.cancelled) | add),
     worst: (max_by(.mean_delay) | {carrier, mean_delay}), best: (min_by(.mean_delay) | {carrier, mean_delay}), carriers: .}' \
  "$out/carriers.csv" > "$out/summary.json"

# ---- does it add up?
total=$(jq .flights "$out/summary.json")
[[ $total -eq ${rows[flights]} ]] || { echo "summary has $total flights, the table ${rows[flights]}" >&2; exit 1; }
grep -q '^| United' "$out/report.md"
(cd "$out" && find . -type f ! -name SHA256SUMS -print0 | sort -z | xargs -0 sha256sum > SHA256SUMS && sha256sum -c SHA256SUMS) |
  while IFS=: read -r file verdict; do step "checksum of ${file#./}" "$verdict"; done
step "flights counted twice over" "$total, $(jq .cancelled "$out/summary.json") cancelled"
