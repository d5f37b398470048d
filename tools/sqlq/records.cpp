#include "records.hpp"

#include <algorithm>
#include <numeric>
#include <ostream>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "text.hpp"

namespace sqlq::tool {
namespace {

constexpr std::size_t rows_kept = 1000;
constexpr std::size_t least_width = 8;  ///< no column is cut to less, so that a name can be told from another
constexpr std::string_view gap = "  ";

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;

std::string json_string(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

/// JSON text on one line: outside of strings ends of lines are only space, and inside there are none.
std::string one_line(std::string text) {
  std::replace_if(text.begin(), text.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
  return text.empty() ? "null" : text;
}

std::string seconds(Duration time) {
  return nlohmann::json(std::chrono::duration<double>(time).count()).dump();
}

std::string as_json(const Value& value) {
  return std::visit(Overloaded{
                        [](std::monostate) { return std::string("null"); },
                        [](bool is) { return std::string(is ? "true" : "false"); },
                        [](std::int64_t number) { return std::to_string(number); },
                        [](double number) { return nlohmann::json(number).dump(); },
                        [](const std::string& text) { return json_string(text); },
                        [](TimePoint at) { return json_string(utc(at)); },
                        [](Duration time) { return seconds(time); },
                        [](Value::Count count) { return std::to_string(count.value); },
                        [](const Value::Json& json) { return one_line(json.text); },
                    },
                    value.any());
}

std::string as_csv(const Value& value) {
  std::string text = std::visit(
      Overloaded{
          [](std::monostate) { return std::string(); },
          [](const std::string& given) { return given; },
          [](TimePoint at) { return utc(at); },
          [](const Value::Json& json) { return json.text; },
          [](Value::Count count) { return std::to_string(count.value) + (count.capped ? "+" : ""); },
          [&](const auto&) { return as_json(value); },
      },
      value.any());
  if (text.find_first_of("\",\r\n") == std::string::npos) return text;
  for (std::size_t at = 0; (at = text.find('"', at)) != std::string::npos; at += 2) text.insert(at, 1, '"');
  return '"' + text + '"';
}

/// `exact`: with the moment beside it.
std::string as_cell(const Value& value, TimePoint now, bool exact = false) {
  return std::visit(Overloaded{
                        [](std::monostate) { return std::string("-"); },
                        [](bool is) { return std::string(is ? "yes" : "no"); },
                        [](std::int64_t number) { return std::to_string(number); },
                        [](double number) { return fmt::format("{:.1f}", number); },
                        [](const std::string& text) { return printable(text); },
                        [&](TimePoint at) { return (exact ? utc(at) + "  " : "") + relative(at, now); },
                        [](Duration time) { return human(time); },
                        [](Value::Count count) { return human(count.value, count.capped); },
                        [](const Value::Json& json) { return printable(json.text); },
                    },
                    value.any());
}

/// The fields of an object, each `"name": value`.
std::vector<std::string> fields(const std::vector<Column>& columns, const std::vector<Value>& row) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < columns.size() && i < row.size(); ++i) {
    out.push_back(json_string(columns[i].name) + ": " + as_json(row[i]));
    if (const auto* count = std::get_if<Value::Count>(&row[i].any())) {
      out.push_back(json_string(columns[i].name + "_capped") + ": " + (count->capped ? "true" : "false"));
    }
  }
  return out;
}

std::string object(const std::vector<Column>& columns, const std::vector<Value>& row) {
  return fmt::format("{{{}}}", fmt::join(fields(columns, row), ", "));
}

std::string csv_header(const std::vector<Column>& columns) {
  std::string line;
  for (const Column& column : columns) line += (line.empty() ? "" : ",") + as_csv(column.name);
  return line + "\r\n";
}

std::string csv_row(const std::vector<Value>& row) {
  std::string line;
  for (std::size_t i = 0; i < row.size(); ++i) line += (i == 0 ? "" : ",") + as_csv(row[i]);
  return line + "\r\n";
}

std::string title(const Column& column) {
  std::string text = column.name;
  std::transform(text.begin(), text.end(), text.begin(), [](char c) {
    return c == '_' ? ' ' : c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  return text;
}

std::string bold(const std::string& text, bool color) { return color ? "\x1b[1m" + text + "\x1b[0m" : text; }

std::string padded(const std::string& text, std::size_t columns, Column::Align align) {
  const std::size_t used = width(text);
  const std::string space(used < columns ? columns - used : 0, ' ');
  return align == Column::right ? space + text : text + space;
}

/// Makes the widest columns that may be cut narrower, until all of them fit.
void fit(std::vector<std::size_t>& widths, const std::vector<Column>& columns, std::size_t most) {
  std::size_t all = std::accumulate(widths.begin(), widths.end(), widths.size() < 2 ? 0 : 2 * (widths.size() - 1));
  while (most > 0 && all > most) {
    std::size_t widest = widths.size();
    for (std::size_t i = 0; i < widths.size(); ++i) {
      if (columns[i].shown == Column::whole || columns[i].align == Column::right) continue;
      if (widths[i] > least_width && (widest == widths.size() || widths[i] > widths[widest])) widest = i;
    }
    if (widest == widths.size()) return;
    --widths[widest];
    --all;
  }
}

}  // namespace

Records::Records(std::ostream& out, Look look, std::vector<Column> columns)
    : out_(out), look_(look), columns_(std::move(columns)) {
  if (look_.format != Format::csv || !look_.header) return;
  out_ << csv_header(columns_);
}

void Records::add(std::vector<Value> row) {
  row.resize(columns_.size());
  ++count_;
  switch (look_.format) {
    case Format::json: out_ << (count_ == 1 ? "[\n  " : ",\n  ") << object(columns_, row); return;
    case Format::jsonl: out_ << object(columns_, row) << '\n'; return;
    case Format::csv: out_ << csv_row(row); return;
    case Format::table: break;
  }
  std::vector<std::string> cells;
  for (std::size_t i = 0; i < row.size(); ++i) {
    if (columns_[i].shown != Column::in_data) cells.push_back(as_cell(row[i], look_.now));
  }
  kept_.push_back(std::move(cells));
  if (fixed_ || kept_.size() >= rows_kept) write_rows();
}

void Records::finish() {
  if (look_.format == Format::json) out_ << (count_ == 0 ? "[]\n" : "\n]\n");
  if (look_.format == Format::table && (!fixed_ || !kept_.empty())) write_rows();
}

void Records::write_rows() {
  if (!fixed_) {
    std::erase_if(columns_, [](const Column& column) { return column.shown == Column::in_data; });
    std::vector<std::string> titles;
    for (const Column& column : columns_) titles.push_back(title(column));
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      std::size_t widest = look_.header ? width(titles[i]) : 0;
      for (const auto& cells : kept_) widest = std::max(widest, width(cells[i]));
      widths_.push_back(widest);
    }
    fit(widths_, columns_, look_.width);
    fixed_ = true;
    if (look_.header) {
      if (look_.color) out_ << "\x1b[1m";
      write_table_row(titles);
      if (look_.color) out_ << "\x1b[0m";
    }
  }
  for (const auto& cells : kept_) write_table_row(cells);
  kept_.clear();
}

void Records::write_table_row(const std::vector<std::string>& cells) {
  std::string line;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const bool may_cut = columns_[i].shown != Column::whole && columns_[i].align == Column::left && look_.width > 0;
    if (i > 0) line += gap;
    line += padded(may_cut ? cut(cells[i], widths_[i]) : cells[i], widths_[i], columns_[i].align);
  }
  line.erase(line.find_last_not_of(' ') + 1);
  out_ << line << '\n';
}

void print_record(std::ostream& out, const Look& look, const std::vector<Column>& columns,
                  const std::vector<Value>& row) {
  switch (look.format) {
    case Format::json: out << fmt::format("{{\n  {}\n}}\n", fmt::join(fields(columns, row), ",\n  ")); return;
    case Format::jsonl: out << object(columns, row) << '\n'; return;
    case Format::csv: out << (look.header ? csv_header(columns) : "") << csv_row(row); return;
    case Format::table: break;
  }
  std::size_t widest = 0;
  for (const Column& column : columns) {
    if (column.shown != Column::in_data) widest = std::max(widest, width(column.name));
  }
  for (std::size_t i = 0; i < columns.size() && i < row.size(); ++i) {
    if (columns[i].shown == Column::in_data) continue;
    out << bold(padded(columns[i].name, widest, Column::left), look.color) << gap << as_cell(row[i], look.now, true)
        << '\n';
  }
}

}  // namespace sqlq::tool
