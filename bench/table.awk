# Prints the table of bench/targets filled with results.
#
#   awk -v table=first|many|growth -v judge=0|1 -v places="postgres mysql" -f bench/table.awk bench/targets RESULTS
#
# table: the rows that stand below its name. judge: says whether each target is met.
# RESULTS: lines of JSON of the limit programs and of sqlq-bench, to which ci/bench adds the place, and what the
# database held meanwhile: {"place":"postgres","holds":"backlog","op":"drain",...}.
# Ends with 1 when a result is missing.

function field(name) {
  if (!match($0, "\"" name "\":\"?[^\",}]*")) return ""
  text = substr($0, RSTART, RLENGTH)
  sub(/^"[^"]*":"?/, "", text)
  return text
}

function covers(list, place,   i, n, names) {
  n = split(list, names, ",")
  for (i = 1; i <= n; ++i) {
    if (names[i] == "all" || names[i] == place) return 1
    if (names[i] == "sqlite" && place ~ /^sqlite/) return 1
    if (names[i] == "servers" && place !~ /^sqlite/) return 1
  }
  return 0
}

# The best of some operations of one program; empty when there is none.
function best(who, place, operations, figure,   i, n, names, value, most) {
  n = split(operations, names, ",")
  for (i = 1; i <= n; ++i) {
    value = settled(who SUBSEP place SUBSEP names[i] SUBSEP figure, figure)
    if (value != "" && (most == "" || value + 0 > most + 0)) most = value
  }
  return most
}

function shown(value) { return value == "" ? "" : sprintf(value >= 1000 ? "%.0f" : "%.2f", value) }

function print_row(place, operation, figure, ours, base, value, relation, target,   verdict) {
  verdict = ""
  if (!judge) relation = "-"
  if (relation == ">=") verdict = value + 0 >= target + 0 ? "met" : "NOT MET"
  if (relation == "<=") verdict = value + 0 <= target + 0 ? "met" : "NOT MET"
  if (verdict == "NOT MET") ++unmet
  printf "%-13s  %-20s  %-21s  %9s  %9s  %6s  %-7s  %s\n", place, operation, figure, shown(ours), shown(base), \
    base == "" ? "" : sprintf("%.2f", value), relation == "-" ? "" : relation " " target, verdict
}

# Of several runs of one figure: the best, because others use the machine too; in the table of many workers, where both
# sides take turns, the one in the middle.
function settled(key, figure,   i, n, values, j, value, higher) {
  n = split(results[key], values, " ")
  higher = figure == "per_s"
  for (i = 2; i <= n; ++i) {
    value = values[i]
    for (j = i - 1; j > 0 && (higher ? values[j] + 0 < value + 0 : values[j] + 0 > value + 0); --j)
      values[j + 1] = values[j]
    values[j + 1] = value
  }
  return values[table == "many" ? int((n + 1) / 2) : 1]
}

FILENAME ~ /targets$/ {
  if ($1 == "table") within = $2
  else if (NF >= 5 && $1 !~ /^#/ && within == table) rows[++count] = $0
  next
}

{
  place = field("place")
  who = field("limit") == "" ? "ours" : "limit"
  operation = field("op") (field("holds") == "" ? "" : "@" field("holds"))
  rest = $0
  while (match(rest, /"[a-z0-9_]+":[-0-9.]+/)) {
    split(substr(rest, RSTART + 1, RLENGTH - 1), pair, "\":")
    rest = substr(rest, RSTART + RLENGTH)
    key = who SUBSEP place SUBSEP operation SUBSEP pair[1]
    results[key] = results[key] " " pair[2]
  }
}

END {
  printf "%-13s  %-20s  %-21s  %9s  %9s  %6s  %-7s  %s\n", "place", "operation", "figure", "ours", "base", "ratio", \
    "target", ""
  for (p = split(places, list, " "); p > 0; --p) order[p] = list[p]
  for (p = 1; p in order; ++p) {
    for (r = 1; r <= count; ++r) {
      split(rows[r], row, " ")
      if (!covers(row[1], order[p])) continue
      split(row[3], parts, "-")
      ours = best("ours", order[p], row[2], parts[1])
      if (ours != "" && 2 in parts) ours -= best("ours", order[p], row[2], parts[2])
      base = ""
      if (row[4] != "-") base = best(substr(row[4], 1, index(row[4], ":") - 1), order[p], \
        substr(row[4], index(row[4], ":") + 1), row[3])
      if (ours == "" || (row[4] != "-" && base == "")) {
        printf "%-13s  %-20s  %-21s  MISSING\n", order[p], row[2], row[3]
        ++missing
        continue
      }
      print_row(order[p], row[2], row[3], ours, base, base == "" ? ours : ours / base, row[5], row[6])
    }
  }
  if (judge) printf "%d targets not met, ", unmet
  printf "%d results missing\n", missing
  exit missing > 0
}
