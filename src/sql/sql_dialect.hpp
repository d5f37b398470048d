#pragma once
/// \file
/// Reading, the settings of queues and the registry of workers, written once for every SQL database.

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include <sqlq/backend/dialect.hpp>

#include "sql/hints.hpp"
#include "sql/reading.hpp"
#include "sql/session.hpp"
#include "sql/worker_registry.hpp"

namespace sqlq::sql {

/// Whether an operation that reads is one statement, which sees one snapshot by itself, or several.
enum class Statements { one, several };

/// A backend derives from it and says where operations run. Thread-safe, as what it is given is.
class SqlDialect : public backend::Dialect {
 public:
  [[nodiscard]] std::vector<std::optional<Job>> get(std::span<const JobId> ids, const Tx* within) final;
  [[nodiscard]] JobPage list(const JobFilter& filter, const Page& page) final;
  [[nodiscard]] JobCounts counts(std::string_view queue, std::uint64_t cap) final;
  [[nodiscard]] std::vector<WaitingKind> waiting_kinds(std::size_t limit) final;
  [[nodiscard]] std::vector<AttemptRecord> history(JobId id, std::size_t limit) final;
  [[nodiscard]] std::vector<LogLine> read_logs(JobId id, std::int64_t after_claim, std::int64_t after_number,
                                               std::size_t limit) final;
  [[nodiscard]] std::vector<Queue> queues(std::string_view after, std::size_t limit) final;
  [[nodiscard]] std::optional<Queue> queue(std::string_view name) final;
  [[nodiscard]] std::vector<QueueStats> queue_stats(std::string_view after, std::size_t limit, std::uint64_t cap,
                                                    backend::Now now) final;

  void queue_upsert(std::string_view name, const QueueOptions& options, backend::Now now) final;
  bool queue_update(std::string_view name, const backend::QueueChange& change) final;
  DeleteQueueStatus queue_delete(std::string_view name) final;

  [[nodiscard]] std::unique_ptr<backend::Subscription> subscribe(std::function<void()> hint) final {
    return hints().subscribe(std::move(hint));
  }
  [[nodiscard]] backend::Workers* workers() noexcept final { return workers_.get(); }

 protected:
  using Read = std::function<void(Session&)>;
  /// With the time of the request in microseconds; none: the database's own.
  using Write = std::function<void(Session&, std::optional<std::int64_t> now)>;

  /// The catalogue must live as long.
  explicit SqlDialect(const Catalogue& catalogue);

  [[nodiscard]] virtual const ReadQueries& read_queries() const noexcept = 0;
  [[nodiscard]] virtual Hints& hints() noexcept = 0;
  /// One snapshot. What a try has found counts only if it is the last.
  virtual void run_read(const Read& read, Statements statements) = 0;
  /// In the user's transaction.
  virtual void run_read_within(const Tx& tx, const Read& read) = 0;
  /// In a transaction of its own, or by one statement; tried again after conflicts.
  virtual void run_write(backend::Now now, const Write& write) = 0;
  /// The same for what nobody waits for: gives up after a second or two when somebody has locked the table, and leaves
  /// the connections of other operations alone.
  virtual void run_aside(backend::Now now, const Write& write) { run_write(now, write); }
  [[nodiscard]] virtual std::optional<std::int64_t> wall_us(backend::Now now) const = 0;
  /// Tells this process's workers, and others where the database does not do it.
  virtual void tell() noexcept = 0;

 private:
  template <class Result, class Operation>
  Result reading(Operation operation, Statements statements = Statements::one) {
    Result result{};
    run_read([&](Session& s) { result = operation(s, read_queries()); }, statements);
    return result;
  }

  const std::unique_ptr<backend::Workers> workers_;
};

}  // namespace sqlq::sql
