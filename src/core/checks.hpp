#pragma once
/// \file
/// Validation of everything that comes from users, before anything is sent. Behind it a dialect may trust its input.
///
/// Thread-safety: pure functions. Errors: Error(invalid_argument), naming the fault and the allowed values. `what`
/// names the value ("the queue name"); values that are not valid are never quoted.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <sqlq/enqueue.hpp>
#include <sqlq/filter.hpp>

namespace sqlq::core {

inline constexpr std::size_t max_name_bytes = 255;
/// Names in one list of a claim or a sweep, and ids in a filter.
inline constexpr std::size_t max_names = 10'000;
/// Jobs in one enqueue.
inline constexpr std::size_t max_batch = 100'000;
/// Jobs in one claim or one heartbeat.
inline constexpr std::size_t max_claim = 10'000;
/// Headers of one job, and the bytes of their names and values together.
inline constexpr std::size_t max_headers = 64;
inline constexpr std::size_t max_header_bytes = std::size_t{16} << 10;

/// Queues, kinds, workers: 1 to 255 bytes of UTF-8 without control characters.
void check_name(std::string_view name, std::string_view what);
/// The names, each checked, sorted and each once.
[[nodiscard]] std::vector<std::string> check_names(std::span<const std::string> names, std::string_view what);
/// UTF-8 without NUL, at most `max_bytes`.
void check_text(std::string_view text, std::size_t max_bytes, std::string_view what);
void check_range(std::uint64_t value, std::uint64_t least, std::uint64_t most, std::string_view what);

/// Numbers, names and values of Job::headers, whoever has set them.
void check_headers(const Headers& headers, std::string_view what);
/// Ranges and combinations; see EnqueueOptions.
void check_options(const EnqueueOptions& options);
void check_client_options(const ClientOptions& options);
/// Kind, params and options.
void check_job(const NewJob& job, const PayloadLimits& limits);

/// Names, keys, states and times that a job can have, in numbers that filter.hpp allows.
void check_filter(const JobFilter& filter);

/// A backend must answer every item it was given. Error(internal) if it did not.
void expect_answers(std::size_t got, std::size_t wanted);

}  // namespace sqlq::core
