#pragma once
/// \file
/// Rows of the inbox, which anybody may have written, as jobs.
///
/// Thread-safety: pure functions.

#include <string>
#include <string_view>

#include <sqlq/backend/extensions.hpp>
#include <sqlq/enqueue.hpp>

namespace sqlq::core {

/// What a row may have in params and headers, in bytes, so that it is read at all.
[[nodiscard]] std::size_t longest_inbox_row(const PayloadLimits& limits) noexcept;

/// The job that the row describes. Throws Error(invalid_argument), which names the column and quotes nothing.
[[nodiscard]] NewJob job_of(const backend::InboxRow& row, const PayloadLimits& limits);

/// The errored job that shows what the row was, and why no other job became of it: with the row's queue and kind where
/// jobs can have them, else "default" and "sqlq.inbox", and with its params, as a JSON string where they are no JSON.
[[nodiscard]] backend::StoredJob errored_job_of(const backend::InboxRow& row, std::string_view why,
                                                std::string_view worker, TimePoint now, const PayloadLimits& limits);

}  // namespace sqlq::core
