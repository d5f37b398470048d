#include <sqlq/database.hpp>

#include <atomic>
#include <cstdint>
#include <utility>

#include <sqlq/backend/dialect.hpp>
#include <sqlq/error.hpp>
#include <sqlq/migrator.hpp>

#include "platform/forks.hpp"

namespace sqlq {

struct Database::Impl {
  Impl() = default;
  /// In a forked child the dialect is never destroyed: its threads are not there, its locks may be held for ever, and
  /// its connections to the server are the parent's.
  ~Impl() {
    if (maker.is_parent()) platform::keep_for_ever(dialect.release());
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  const platform::Maker maker{};
  std::shared_ptr<Clock> clock;  // before the dialect, which it must outlive
  PayloadLimits limits;
  std::unique_ptr<backend::Dialect> dialect;
  // A check counts for the generation it began in, so that one running while a migration ends is not believed.
  std::atomic<std::uint64_t> generation{1};
  std::atomic<std::uint64_t> checked{0};
};

Database::Database(std::unique_ptr<backend::Dialect> dialect, DatabaseOptions options)
    : impl_(std::make_shared<Impl>()) {
  if (!dialect) throw Error(Errc::invalid_argument, "a Database needs a dialect; the backend's factory gave none");
  if (options.limits.max_bytes == 0 || options.limits.max_depth < 0) {
    throw Error(Errc::invalid_argument,
                "DatabaseOptions::limits: max_bytes must be at least 1 and max_depth at least 0, or no job fits");
  }
  impl_->clock = options.clock ? std::move(options.clock) : system_clock();
  impl_->limits = options.limits;
  impl_->dialect = std::move(dialect);
}

void Database::migrate() const { Migrator{*this}.up(); }

std::string Database::description() const { return dialect().description(); }

Clock& Database::clock() const noexcept { return *impl_->clock; }

const PayloadLimits& Database::limits() const noexcept { return impl_->limits; }

backend::Dialect& Database::dialect() const {
  if (impl_->maker.is_parent()) {
    throw Error(Errc::misuse, "this Database was opened before fork() by the parent process, whose connections and "
                              "threads it has: open another one in the child");
  }
  return *impl_->dialect;
}

namespace {

void check_schema(const MigrationStatus& status) {
  if (!status.problem.empty()) throw Error(Errc::schema, status.problem);
  if (status.current >= status.latest) return;  // a newer library's tables, compatible with this one's
  if (status.current == 0) {
    throw Error(Errc::schema, "the database has no sqlq tables yet: call migrate() once, or run `sqlq schema up`");
  }
  throw Error(Errc::schema, "the sqlq tables have version " + std::to_string(status.current) +
                                ", this library needs " + std::to_string(status.latest) +
                                ": call migrate(), or run `sqlq schema up`");
}

}  // namespace

backend::Dialect& Database::ready() const {
  backend::Dialect& backend = dialect();
  const std::uint64_t generation = impl_->generation.load();
  if (impl_->checked.load() != generation) {
    check_schema(backend.migration_status());
    impl_->checked.store(generation);
  }
  return backend;
}

void Database::recheck() const noexcept { impl_->generation.fetch_add(1); }

}  // namespace sqlq
