#pragma once
/// \file
/// An application's own table beside the jobs, and its own transactions with a row there and a job: is one there, so
/// must be the other.

#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>

#include <sqlq/sqlq.hpp>

#include "audit.hpp"
#include "faults/record.hpp"

namespace sqlq::process {

/// One thread. Errors of make, drop and ids: std::runtime_error.
class Orders {
 public:
  enum class Outcome { committed, rolled_back, unknown };

  /// `url` is what the library is given.
  explicit Orders(std::string url) : url_(std::move(url)) {}

  // Each on a connection of its own: the server may have been started again since the last one.
  void make() { ask("CREATE TABLE ", " (id VARCHAR(36) PRIMARY KEY)"); }
  void drop() { ask("DROP TABLE ", ""); }
  /// The ids of the jobs that were ordered.
  [[nodiscard]] std::set<faults::Id> ids() const {
    std::set<faults::Id> all;
    const auto fresh = open_audit(url_);
    fresh->each("SELECT id FROM " + table(*fresh),
                [&](const faults::Texts& row) { all.insert(faults::parse_id(row.at(0))); });
    return all;
  }

  /// A transaction with a row and the job, whose id is given. `around_commit` is called with a function that commits.
  /// What fails before that was rolled back. Errors: those of the library that do not go away by themselves.
  template <class Around>
  Outcome order(Client& client, const NewJob& job, bool commit, Around around_commit) {
    bool sent = false;
    try {
      own().ask("BEGIN");
      own().ask("INSERT INTO " + table(own()) + " VALUES ('" + job.options.id.value().to_string() + "')");
      client.enqueue(own().tx(), job);
      if (!commit) {
        own().ask("ROLLBACK");
        return Outcome::rolled_back;
      }
      sent = true;
      around_commit([&] { own().ask("COMMIT"); });
      return Outcome::committed;
    } catch (const Error& e) {
      if (!e.retryable() && !e.outcome_unknown()) throw;
    } catch (const std::runtime_error&) {  // its own connection's
    }
    connection_.reset();
    return sent ? Outcome::unknown : Outcome::rolled_back;
  }

 private:
  Audit& own() {
    if (!connection_) connection_ = open_audit(url_);
    return *connection_;
  }
  static std::string table(const Audit& audit) { return audit.named("orders"); }
  void ask(const std::string& before, const std::string& after) const {
    const auto fresh = open_audit(url_);
    fresh->ask(before + table(*fresh) + after);
  }

  const std::string url_;
  std::unique_ptr<Audit> connection_;
};

}  // namespace sqlq::process
