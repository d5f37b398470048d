#pragma once
/// \file
/// Queues that callers name.

#include <string>

#include <sqlq/database.hpp>

namespace sqlq::client {

void check_queue_name(const std::string& name);

/// Throws Error(invalid_argument), which names the queue that may have been meant.
[[noreturn]] void refuse_unknown_queue(const Database& db, const std::string& name);

}  // namespace sqlq::client
