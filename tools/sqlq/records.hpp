#pragma once
/// \file
/// Records on standard output, in the form that was asked for: what every command prints.
///
///     Records out = context.records({{"id"}, {"queue"}, {"age", Column::right}});
///     out.add({job.id.to_string(), job.queue, Value::age(now - job.created_at)});
///     out.finish();
///
/// Forms: a table for people (cut to the width of the terminal, ids never; no control characters), `json` (one
/// array), `jsonl` (an object a line), `csv` (RFC 4180, with a header). All but the table have every column, by its
/// name, with times as "2026-11-29T16:20:00.123456Z", durations in seconds, and nothing cut or escaped but by the rules
/// of the form.
/// Names of columns are part of the program's interface: add, never rename.

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <nlohmann/json.hpp>

#include <sqlq/clock.hpp>

namespace sqlq::tool {

enum class Format { table, json, jsonl, csv };

struct Column {
  enum Align { left, right };
  enum Shown {
    always,   ///< in every form
    in_data,  ///< not in the table
    whole,    ///< always, and never cut
  };
  std::string name{};
  Align align = left;
  Shown shown = always;
};

/// A cell.
class Value {
 public:
  struct Count {
    std::uint64_t value = 0;
    bool capped = false;  ///< "10,000+" in a table; in json the number, and a field <column>_capped; "10000+" in csv
  };
  struct Json {
    std::string text{};  ///< JSON text, inserted as it is; a string in csv
  };
  using Any = std::variant<std::monostate, bool, std::int64_t, double, std::string, TimePoint, Duration, Count, Json>;

  Value() = default;  ///< nothing: empty, null
  Value(bool value) : any_(value) {}                       // NOLINT: converts
  Value(int value) : any_(std::int64_t{value}) {}          // NOLINT: converts
  Value(std::int64_t value) : any_(value) {}               // NOLINT: converts
  Value(std::uint64_t value) : any_(static_cast<std::int64_t>(value)) {}  // NOLINT: converts
  Value(double value) : any_(value) {}                     // NOLINT: converts
  Value(std::string text) : any_(std::move(text)) {}       // NOLINT: converts
  Value(std::string_view text) : any_(std::string(text)) {}  // NOLINT: converts
  Value(const char* text) : any_(std::string(text)) {}     // NOLINT: converts
  Value(TimePoint at) : any_(at) {}                        // NOLINT: converts; a table shows "3m ago"
  Value(Duration time) : any_(time) {}                     // NOLINT: converts
  Value(Count count) : any_(count) {}                      // NOLINT: converts
  Value(Json json) : any_(std::move(json)) {}              // NOLINT: converts
  template <class T>
  Value(const std::optional<T>& value) {                   // NOLINT: converts
    if (value) *this = Value(*value);
  }
  [[nodiscard]] const Any& any() const noexcept { return any_; }

 private:
  Any any_{};
};

/// How records look.
struct Look {
  Format format = Format::table;
  bool header = true;
  bool color = false;
  std::size_t width = 0;  ///< of the terminal; 0: no terminal, nothing is cut
  TimePoint now{};        ///< times in tables are told from here
};

/// One thread. Tables are kept until `finish`, or until 1000 rows are there: then the widths are fixed and rows are
/// written as they come, as all other forms are.
class Records {
 public:
  Records(std::ostream& out, Look look, std::vector<Column> columns);
  /// As many cells as columns.
  void add(std::vector<Value> row);
  /// The last bracket of `json`; and an empty table prints its header.
  void finish();
  [[nodiscard]] std::size_t count() const noexcept { return count_; }

 private:
  void write_table_row(const std::vector<std::string>& cells);
  void write_rows();
  std::ostream& out_;
  Look look_;
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> kept_{};
  std::vector<std::size_t> widths_{};
  bool fixed_ = false;
  std::size_t count_ = 0;
};

/// One thing in detail: a list of names and values in a table, one object in json and jsonl, a row in csv.
void print_record(std::ostream& out, const Look& look, const std::vector<Column>& columns,
                  const std::vector<Value>& row);

}  // namespace sqlq::tool
