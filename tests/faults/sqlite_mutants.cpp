// The library's SQL for SQLite with a piece exchanged: what each mutant does wrong. Only in builds with SQLQ_MUTANTS,
// where the file that carries the SQL calls its function pristine_schema_files.

#include <array>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>
#include <vector>

#include "core/mutant.hpp"
#include "sql/embedded.hpp"

namespace sqlq::sqlite {

std::span<const sql::EmbeddedFile> pristine_schema_files() noexcept;
std::span<const sql::EmbeddedFile> schema_files() noexcept;

namespace {

struct Change {
  std::string_view mutant;
  std::string_view file;
  std::string_view from;
  std::string_view to;
};

constexpr std::string_view queries = "queries.sql";

constexpr std::array changes{
    // Whoever says it is done is believed.
    Change{"finish_without_token", queries, "id = :id AND state = 2 AND lease_token = :token",
           "id = :id AND state = 2 AND :token IS NOT NULL"},
    Change{"finish_without_token", queries, "json_each(:ids)) AND state = 2 AND lease_token = :token",
           "json_each(:ids)) AND state = 2 AND :token IS NOT NULL"},
    // What had a lease once is taken back when that has ended, finished or not.
    Change{"reap_by_id", queries, " WHERE state IN (2, 5) AND seq IN (", " WHERE seq IN ("},
    Change{"reap_by_id", queries, "    WHERE state IN (2, 5) AND (lease_until_us",
           "    WHERE state IN (2, 3, 5) AND (lease_until_us"},
    // A job that somebody else has taken meanwhile is taken once more.
    Change{"claim_without_compare", queries, " WHERE state = 1 AND lane_id = :lane AND (priority",
           " WHERE (state = 1 OR state = 2 AND claims = 1 AND seq % 5 = 0) AND lane_id = :lane AND (priority"},
    Change{"claim_without_compare", queries, " WHERE seq IN (SELECT value FROM json_each(:seqs)) AND +state = 1",
           " WHERE seq IN (SELECT value FROM json_each(:seqs))"},
    // Who dies before the end is not counted.
    Change{"attempt_counted_at_end", queries, "SET state = 2, attempt = attempt + 1,", "SET state = 2,"},
    Change{"attempt_counted_at_end", queries, "SET state = 3, ended = 1, result",
           "SET state = 3, ended = 1, attempt = attempt + 1, result"},
    Change{"attempt_counted_at_end", queries, "crashes = crashes + 1, lease_token = 0", "lease_token = 0"},
    // Looks first and inserts then: what others inserted in between is not seen.
    Change{"unique_by_look", "001_init.up.sql", "CREATE UNIQUE INDEX sqlq_jobs_unique",
           "CREATE INDEX sqlq_jobs_unique"},
    Change{"unique_by_look", queries, "VALUES (:id, :lane, :queue, :state,", "SELECT :id, :lane, :queue, :state,"},
    Change{"unique_by_look", queries, ":now, :now, :unique_key, :params)",
           ":now, :now, :unique_key, :params WHERE NOT EXISTS (SELECT 1 FROM sqlq_jobs WHERE unique_key = :unique_key "
           "AND expires_us IS NULL AND created_us < :now - 20000)"},
    // A place in a limited queue is given back twice.
    Change{"limit_released_twice", queries, "SELECT count(*) FROM sqlq_jobs WHERE state IN (2, 5) AND queue_id",
           "SELECT max(count(*) - 1, 0) FROM sqlq_jobs WHERE state IN (2, 5) AND queue_id"},
    // A schedule that somebody else has changed meanwhile is changed once more. Its other part: src/sql/periodic.cpp.
    Change{"tick_without_compare", queries, " WHERE p.name = w.name AND p.version = w.version",
           " WHERE p.name = w.name"},
    // A wait does not look for the signal that came before it.
    Change{"signal_before_wait", queries, " WHERE j.id = :id ORDER BY s.ord, s.kind",
           " WHERE j.id = :id AND (s.kind <> 4 OR EXISTS (SELECT 1 FROM sqlq_steps w WHERE w.job_seq = s.job_seq "
           "AND w.kind = 3 AND w.name = s.name AND w.n = s.n AND w.ord < s.ord)) ORDER BY s.ord, s.kind"},
    Change{"signal_before_wait", queries, " WHERE job_seq = :seq AND kind IN (1, 2, 3, 4, 5, 6, 7)",
           " WHERE job_seq = :seq AND kind IN (1, 2, 3, 5, 6, 7)"},
    // Of the jobs that were let in some are not counted.
    Change{"key_counts_some", queries, "AND d.key = x.value ->> 1 AND d.stage = 0",
           "AND d.key = x.value ->> 1 AND d.stage = 0 AND d.job_seq % 2 = 0"},
    // The lease ends before the next heartbeat, which comes after a third of keepalive.
    Change{"lease_below_heartbeat", queries, ":steady + keepalive_us", ":steady + keepalive_us / 4"},
};

std::string changed(std::string text, const Change& change) {
  std::size_t n = 0;
  for (auto at = text.find(change.from); at != std::string::npos; at = text.find(change.from, at + change.to.size())) {
    text.replace(at, change.from.size(), change.to);
    ++n;
  }
  if (n == 0) {  // the SQL has changed: so must the mutant
    std::fprintf(stderr, "the mutant %s does not find its piece of SQL\n", std::string(change.mutant).c_str());
    std::abort();
  }
  return text;
}

struct Mutated {
  std::vector<std::string> texts{};
  std::vector<sql::EmbeddedFile> files{};

  Mutated() {
    const auto pristine = pristine_schema_files();
    for (const auto& file : pristine) {
      texts.emplace_back(file.text);
      for (const Change& change : changes) {
        if (change.file == file.name && core::mutant(change.mutant)) texts.back() = changed(texts.back(), change);
      }
    }
    for (std::size_t i = 0; i < pristine.size(); ++i) files.push_back({pristine[i].name, texts[i]});
  }
};

}  // namespace

std::span<const sql::EmbeddedFile> schema_files() noexcept {
  static const Mutated instance;
  return instance.files;
}

}  // namespace sqlq::sqlite
