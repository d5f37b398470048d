#pragma once
/// \file
/// A dialect for unit tests: every operation throws Error(internal) until a test overrides it, so that a test sees
/// exactly the calls it expects and no other.

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <sqlq/backend/forwarding.hpp>
#include <sqlq/database.hpp>
#include <sqlq/error.hpp>

namespace sqlq::testing {

/// The schema is up to date unless `status` is changed.
class FakeDialect : public backend::ForwardingDialect {
 public:
  FakeDialect() : ForwardingDialect(nullptr) {}

  backend::Capabilities able{};  ///< what it says it can; changed before it is used

  MigrationStatus status{.current = 1, .latest = 1};
  std::vector<Migration> known{Migration{1, "init", "make tables;\n", "drop tables;\n", "0123456789abcdef"}};

  [[nodiscard]] const backend::Capabilities& capabilities() const noexcept override { return able; }
  [[nodiscard]] std::string description() const override { return "fake"; }
  [[nodiscard]] std::vector<Finding> self_check() override { return {}; }
  [[nodiscard]] std::span<const Migration> migrations() const noexcept override { return known; }
  [[nodiscard]] MigrationStatus migration_status() override { return status; }

 protected:
  [[noreturn]] backend::Dialect& target(const char* operation) override {
    throw Error(Errc::internal, std::string(operation) + " was not expected");
  }
};

/// A database over a fake, and the fake itself, which lives as long as the database.
template <class Fake>
struct FakeDatabase {
  explicit FakeDatabase(DatabaseOptions options = {}) : FakeDatabase(std::make_unique<Fake>(), std::move(options)) {}

  Fake& fake;
  Database db;

 private:
  FakeDatabase(std::unique_ptr<Fake> dialect, DatabaseOptions options)
      : fake(*dialect), db(std::move(dialect), std::move(options)) {}
};

}  // namespace sqlq::testing
