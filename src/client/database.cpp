#include <sqlq/database.hpp>

#include <atomic>
#include <cstdint>
#include <utility>

#include <sqlq/backend/dialect.hpp>
#include <sqlq/error.hpp>
#include <sqlq/migrator.hpp>

namespace sqlq {

struct Database::Impl {
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
  impl_->clock = options.clock ? std::move(options.clock) : system_clock();
  impl_->limits = options.limits;
  impl_->dialect = std::move(dialect);
}

void Database::migrate() const { Migrator{*this}.up(); }

std::string Database::description() const { return impl_->dialect->description(); }

Clock& Database::clock() const noexcept { return *impl_->clock; }

const PayloadLimits& Database::limits() const noexcept { return impl_->limits; }

backend::Dialect& Database::dialect() const noexcept { return *impl_->dialect; }

namespace {

void check_schema(const MigrationStatus& status) {
  if (!status.problem.empty()) throw Error(Errc::schema, status.problem);
  if (status.current == status.latest) return;
  if (status.current == 0) throw Error(Errc::schema, "the database has no sqlq tables yet: call migrate() once");
  const std::string versions = "the sqlq tables have version " + std::to_string(status.current) +
                               ", this library needs " + std::to_string(status.latest);
  if (status.current < status.latest) throw Error(Errc::schema, versions + ": call migrate()");
  throw Error(Errc::schema, versions + ": use a newer library");
}

}  // namespace

backend::Dialect& Database::ready() const {
  const std::uint64_t generation = impl_->generation.load();
  if (impl_->checked.load() != generation) {
    check_schema(impl_->dialect->migration_status());
    impl_->checked.store(generation);
  }
  return *impl_->dialect;
}

void Database::recheck() const noexcept { impl_->generation.fetch_add(1); }

}  // namespace sqlq
