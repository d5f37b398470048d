#pragma once
/// \file
/// Lists as one parameter: arrays as PostgreSQL sends and receives them in binary, which costs it half of what reading
/// texts does (decision 0028).

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <sqlq/job.hpp>

#include "sql/session.hpp"

namespace sqlq::postgres {

/// What an array is of, as the cast in the statement says: the number of the type in the server's catalogue.
enum class Of : std::uint32_t { smallint = 21, integer = 23, bigint = 20, text = 25, uuid = 2950 };

/// An array that grows; view() is the parameter, until the next add().
class Array {
 public:
  explicit Array(Of of);
  /// Of one of the integers; the number fits it.
  void add(std::int64_t number);
  void add(const JobId& id);
  void add(std::string_view text);
  template <class T>
  void add(const std::optional<T>& value) {
    if (value) {
      add(*value);
    } else {
      add_null();
    }
  }
  [[nodiscard]] sql::Bytes view() const noexcept { return {data_}; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }

 private:
  void add_null();
  void begin(std::uint32_t length);

  std::size_t width_;  // of a number
  std::uint32_t size_ = 0;
  std::string data_{};
};

/// The array of a range of these.
template <class Range>
[[nodiscard]] Array array_of(Of of, const Range& range) {
  Array array(of);
  for (const auto& item : range) array.add(item);
  return array;
}

/// A list of names, or of jobs, that means "all" when it is empty, as an argument: NULL then.
class Choice {
 public:
  template <class Range>
  Choice(const char* name, const Range& range, Of of = Of::text)
      : array_(array_of(of, range)),
        arg_(array_.empty() ? sql::Arg(name, nullptr) : sql::Arg(name, array_.view())) {}
  Choice(const Choice&) = delete;
  Choice& operator=(const Choice&) = delete;
  [[nodiscard]] const sql::Arg& arg() const noexcept { return arg_; }

 private:
  Array array_;
  sql::Arg arg_;
};

}  // namespace sqlq::postgres
