/// \file
/// Commands that are not there yet: their own files take the places of these. Removed with the last of them.

#include "context.hpp"

namespace sqlq::tool {

[[gnu::weak]] void add_job_commands(CLI::App&, Context&) {}
[[gnu::weak]] void add_job_changes(CLI::App&, Context&) {}
[[gnu::weak]] void add_enqueue_command(CLI::App&, Context&) {}
[[gnu::weak]] void add_work_command(CLI::App&, Context&) {}
[[gnu::weak]] void add_top_command(CLI::App&, Context&) {}
[[gnu::weak]] void add_health_commands(CLI::App&, Context&) {}
[[gnu::weak]] void add_transfer_commands(CLI::App&, Context&) {}
[[gnu::weak]] void add_prune_command(CLI::App&, Context&) {}
[[gnu::weak]] void add_bench_command(CLI::App&, Context&) {}

}  // namespace sqlq::tool
