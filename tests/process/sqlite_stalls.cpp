// Part of every program that process tests start, where there is SQLite: with SQLQ_STALLS=FILE its checkpoints stall.

#include "support/sqlite_stalls.hpp"

#include <cstdlib>
#include <memory>

namespace sqlq::process {
namespace {

// Before main, for the programs know nothing of it; nothing else uses SQLite so early.
const std::unique_ptr<sqlite::Stalls> stalls = [] {
  const char* path = std::getenv("SQLQ_STALLS");  // NOLINT(concurrency-mt-unsafe): there is one thread
  return path != nullptr ? std::make_unique<sqlite::Stalls>(path) : nullptr;
}();

}  // namespace
}  // namespace sqlq::process
