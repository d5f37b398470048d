# Prints the table of bench/targets filled with results.
#
#   awk -v growth=0|1 -v judge=0|1 -v places="postgres mysql" -f bench/table.awk bench/targets RESULTS
#
# growth: the rows whose operation has an @, or the others. judge: says whether each target is met.
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
    value = results[who, place, names[i], figure]
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

FILENAME ~ /targets$/ {
  if (NF >= 5 && $1 !~ /^#/) rows[++count] = $0
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
    # Of several runs the best counts, because others use the machine too.
    better = pair[1] == "per_s" ? pair[2] + 0 > results[key] + 0 : pair[2] + 0 < results[key] + 0
    if (results[key] == "" || better) results[key] = pair[2]
  }
}

END {
  printf "%-13s  %-20s  %-21s  %9s  %9s  %6s  %-7s  %s\n", "place", "operation", "figure", "ours", "base", "ratio", \
    "target", ""
  for (p = split(places, list, " "); p > 0; --p) order[p] = list[p]
  for (p = 1; p in order; ++p) {
    for (r = 1; r <= count; ++r) {
      split(rows[r], row, " ")
      if (!covers(row[1], order[p]) || (row[2] ~ /@/) != growth) continue
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
