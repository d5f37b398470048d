#!/usr/bin/env bash
# Is `sqlq job retry --state errored --yes` of very many jobs safe to kill, and what does a worker beside it lose? With
# the program sqlq alone.
#
#   bench/studies/bulk-retry-killed.sh URL [JOBS] [PROGRAM]
#
# URL: an empty database, which is left as it is at the end. JOBS: how many have failed; default 1000000. PROGRAM:
# default build/release/tools/sqlq/sqlq.
#
# Stores JOBS failed jobs (an import). Runs `sqlq bench` again and again, first alone. Kills the retry three times with
# -9 at random moments, gives the same command again, and lets it end. Then each job must be pending with one line
# `requeued` in its history. Exit code 1 when one is not, or when the retry had ended before a kill: take more jobs.
set -euo pipefail

usage() { sed -n '5,12s/^# \{0,1\}//p' "$0"; }
case ${1:-} in
  -h | --help) usage; exit 0 ;;
  '') usage >&2; exit 2 ;;
esac
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
export SQLQ_DATABASE_URL=$1
jobs=${2:-1000000}
sqlq=${3:-$root/build/release/tools/sqlq/sqlq}
kills=3
queue=killed
drained=$((jobs < 200000 ? jobs / 10 + 100 : 20000))  # jobs of one run of `sqlq bench`

scratch=$(mktemp -d)
beside=
cleanup() {
  [ -z "$beside" ] || { touch "$scratch/stop" && wait "$beside" || true; }
  rm -rf "$scratch"
}
trap cleanup EXIT

now() { date +%s.%N; }
since() { awk -v a="$1" -v b="$(now)" 'BEGIN { printf "%.3f", b - a }'; }
rate() { awk -v n="$1" -v t="$2" 'BEGIN { printf "%.0f", n / t }'; }
median() { sort -n | awk '{ all[NR] = $1 } END { if (NR) printf "%.0f", all[int((NR + 1) / 2)]; else printf "-" }'; }
count() { "$sqlq" stats --cap 1000000 -o csv | awk -F, -v q="$queue" -v name="$1" '
  NR == 1 { for (i = 1; i <= NF; ++i) if ($i == name) at = i; next } $1 == q { print $at }'; }

# One run of the worker; what it worked per second goes into the file.
drain() {
  "$sqlq" bench --jobs "$drained" --singles 0 --yes -o jsonl 2>>"$scratch/bench.err" |
    sed -n 's/.*"worked_per_second": \([0-9.]*\).*/\1/p' >>"$1"
}

retry() { exec "$sqlq" job retry --state errored --queue "$queue" --yes -o jsonl "$@"; }

"$sqlq" schema up 2>/dev/null
began=$(now)
awk -v n="$jobs" -v queue="$queue" -v now="$(date +%s)000000" 'BEGIN {
  print "{\"sqlq\":1}"
  for (i = 1; i <= n; ++i) {
    printf "{\"job\":{\"id\":\"019b0000-0000-7000-8000-%012x\",\"queue\":\"%s\",\"kind\":\"k\",", i, queue
    printf "\"state\":\"errored\","
    printf "\"priority\":10,\"params\":\"{}\",\"result\":null,\"unique_key\":null,\"attempt\":1,\"max_attempts\":1,"
    printf "\"crashes\":0,\"max_crashes\":3,\"claims\":1,\"worker\":\"w\",\"keepalive\":30000000,\"timeout\":0,"
    printf "\"retention\":null,\"created_at\":%s,\"queued_at\":%s,\"run_at\":%s,\"started_at\":%s,", now, now, now, now
    printf "\"heartbeat_at\":%s,\"finished_at\":%s,\"history\":[{\"claim\":1,\"attempt\":1,", now, now
    printf "\"cause\":\"failed\",\"at\":%s,\"worker\":\"w\",\"message\":\"it failed\"}],\"log\":[]}}\n", now
  }
}' | "$sqlq" import --quiet - >/dev/null 2>&1 || true  # the stream has no last line, for that has a checksum
if [ "$(count errored)" != "$jobs" ]; then
  echo "$(count errored) of $jobs failed jobs were stored: is the database empty?" >&2
  exit 1
fi
echo "stored: $jobs failed jobs in $(since "$began") s"

for _ in 1 2 3; do drain "$scratch/alone"; done

# How long the whole may take: the kills come within its first half.
some=$((jobs / 20))
began=$(now)
(retry --limit "$some") >/dev/null 2>&1
whole=$(awk -v t="$(since "$began")" 'BEGIN { print 20 * t }')

(while [ ! -e "$scratch/stop" ]; do
  during=$([ -e "$scratch/retrying" ] && echo yes || echo no)
  drain "$scratch/run"
  [ -e "$scratch/retrying" ] || during=no  # it ended meanwhile
  [ "$during" = no ] || tail -n 1 "$scratch/run" >>"$scratch/beside"
done) &
beside=$!

touch "$scratch/retrying"
busy=0
for ((i = 1; i <= kills; ++i)); do
  began=$(now)
  retry >"$scratch/out" 2>"$scratch/err" &
  pid=$!
  sleep "$(awk -v seed="$RANDOM" -v t="$whole" 'BEGIN { srand(seed); print t / 6 * (0.1 + 0.9 * rand()) }')"
  if ! kill -9 "$pid" 2>/dev/null; then
    echo "the retry had ended before kill $i: take more jobs" >&2
    exit 1
  fi
  wait "$pid" 2>/dev/null || true
  busy=$(awk -v a="$busy" -v b="$(since "$began")" 'BEGIN { print a + b }')
  echo "kill $i after $(since "$began") s: $(count errored) are still errored"
done
began=$(now)
(retry) >"$scratch/out" 2>"$scratch/err"
busy=$(awk -v a="$busy" -v b="$(since "$began")" 'BEGIN { print a + b }')
rm "$scratch/retrying"
echo "ended: $(cat "$scratch/out")"
touch "$scratch/stop"
wait "$beside"
beside=
for _ in 1 2 3; do drain "$scratch/alone"; done

"$sqlq" export --queue "$queue" --quiet | awk -v n="$jobs" '
  !/^\{"job"/ { next }
  { ++all
    once = gsub(/"cause":"requeued"/, "") == 1 && gsub(/"cause":"failed"/, "") == 1
    if (!once || !/"state":"pending"/ || !/"attempt":0,/) { ++wrong; if (wrong <= 3) print "wrong: " $0 } }
  END { printf "checked: %d jobs, %d of them not retried exactly once\n", all, wrong; exit !(all == n && !wrong) }'

alone=$(median <"$scratch/alone")
with=$(touch "$scratch/beside" && median <"$scratch/beside")
echo "retry: $(rate $((jobs - some)) "$busy") jobs/s beside a worker, three kills included"
echo "worker: $alone jobs/s alone (median of 6), $with jobs/s beside (median of $(wc -l <"$scratch/beside"))," \
  "share $(awk -v a="$alone" -v b="$with" 'BEGIN { if (b == "-") print "-"; else printf "%.2f", b / a }')"
