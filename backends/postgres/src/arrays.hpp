#pragma once
/// \file
/// Lists as one parameter: PostgreSQL's notation of arrays, {1,NULL,"text"}.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <sqlq/job.hpp>

#include "sql/session.hpp"

namespace sqlq::postgres {

/// An array that grows; view() is the parameter.
class Array {
 public:
  void add(std::int64_t number) { next().append(std::to_string(number)); }
  void add(const JobId& id) { next().append(id.to_string()); }
  void add(std::string_view text);
  template <class T>
  void add(const std::optional<T>& value) {
    if (value) {
      add(*value);
    } else {
      next().append("NULL");
    }
  }
  [[nodiscard]] std::string_view view() {
    if (text_.back() != '}') text_ += '}';
    return text_;
  }
  [[nodiscard]] bool empty() const noexcept { return text_.size() == 1; }

 private:
  std::string& next() {
    if (text_.size() > 1) text_ += ',';
    return text_;
  }

  std::string text_ = "{";
};

/// The array of a range of any of these.
template <class Range>
[[nodiscard]] Array array_of(const Range& range) {
  Array array;
  for (const auto& item : range) array.add(item);
  return array;
}

/// A list that means "all" when it is empty, as an argument: NULL then.
class Choice {
 public:
  template <class Range>
  Choice(const char* name, const Range& range)
      : array_(array_of(range)), arg_(array_.empty() ? sql::Arg(name, nullptr) : sql::Arg(name, array_.view())) {}
  Choice(const Choice&) = delete;
  Choice& operator=(const Choice&) = delete;
  [[nodiscard]] const sql::Arg& arg() const noexcept { return arg_; }

 private:
  Array array_;
  sql::Arg arg_;
};

}  // namespace sqlq::postgres
