#pragma once
/// \file
/// The lines of a stream as values.

#include <cstddef>
#include <cstdint>
#include <istream>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <sqlq/backend/dialect.hpp>
#include <sqlq/enqueue.hpp>

namespace sqlq::transfer {

/// The first line.
struct Version {
  std::int64_t number = 0;
};

/// The last one.
struct End {
  std::int64_t queues = 0;
  std::int64_t jobs = 0;
  std::string checksum{};
};

using Line = std::variant<Version, Queue, backend::StoredJob, End>;

/// Reads one line. Nothing of a text that is no line of a stream is kept: memory is bounded by its length.
/// `limits`: of params and results. Error(invalid_argument) names the field, and never shows a value.
[[nodiscard]] Line parse_line(std::string_view text, const PayloadLimits& limits);

/// Cuts a stream into lines, of which the last one may lack its line feed. One thread at a time.
class LineReader {
 public:
  explicit LineReader(std::istream& from);
  /// False at the end. Error(invalid_argument) for a line that is too long; Error(internal) when the stream fails.
  bool next(std::string& line);
  /// Of the line that was read last; the first is 1.
  [[nodiscard]] std::uint64_t number() const noexcept { return number_; }

 private:
  std::istream& from_;
  std::vector<char> piece_;
  std::uint64_t number_ = 0;
};

}  // namespace sqlq::transfer
