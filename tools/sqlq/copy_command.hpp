#pragma once
/// \file
/// `copy`: jobs from one database to another.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include <sqlq/transfer.hpp>

#include "context.hpp"
#include "filter_options.hpp"

namespace sqlq::tool {

/// What `copy`, `export` and `import` have in common.
struct TransferChoice {
  std::shared_ptr<FilterOptions> filter{};
  std::string after{};           ///< --after ID
  bool no_queues = false;        ///< --no-queues: without the settings of queues

  void add_to(CLI::App& command);
  /// Exit(usage) for values that cannot be read.
  [[nodiscard]] TransferOptions options(Context& context) const;
};

/// How many jobs fit, where that is quickly told: by queues and states only, at most a million of each. Without those
/// that are held.
[[nodiscard]] std::optional<std::uint64_t> quick_count(const Database& db, const JobFilter& filter);
/// The first problems, on standard error.
void tell_problems(Context& context, const TransferReport& report);
/// "interrupted; --after ID": how a transfer that was stopped goes on.
[[nodiscard]] ExitCode tell_interruption(Context& context, const TransferReport& report);
/// Exit(schema) unless this database can take jobs; `migrate`: brings it there. `what` is its option.
void make_ready(const Database& db, bool migrate, const std::string& what);

void add_copy_command(CLI::App& root, Context& context);

}  // namespace sqlq::tool
