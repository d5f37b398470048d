#include "sql/soci_session.hpp"

#include <soci/soci.h>

#include <string>

#include <sqlq/error.hpp>

namespace sqlq::sql {
namespace {

/// A variable SOCI reads or writes; it must not move.
struct Cell {
  long long integer = 0;
  std::string text;
  soci::indicator indicator = soci::i_ok;
};

}  // namespace

struct SociSession::Kept final : Row {
  Kept(soci::session& session, const Statement& statement)
      : params(statement.params.size()), columns(statement.columns.size()), soci(session) {
    for (std::size_t i = 0; i < params.size(); ++i) {
      const Field& f = statement.params[i];
      if (f.type == Type::integer) {
        soci.exchange(soci::use(params[i].integer, params[i].indicator, f.name));
      } else {
        soci.exchange(soci::use(params[i].text, params[i].indicator, f.name));
      }
    }
    for (std::size_t i = 0; i < columns.size(); ++i) {
      if (statement.columns[i].type == Type::integer) {
        soci.exchange(soci::into(columns[i].integer, columns[i].indicator));
      } else {
        soci.exchange(soci::into(columns[i].text, columns[i].indicator));
      }
    }
    soci.alloc();
    soci.prepare(statement.text);
    soci.define_and_bind();
  }

  bool null(std::size_t c) const override { return columns[c].indicator == soci::i_null; }
  std::int64_t integer(std::size_t c) const override { return columns[c].integer; }
  std::string_view text(std::size_t c) const override { return columns[c].text; }

  std::vector<Cell> params;
  std::vector<Cell> columns;
  soci::statement soci;  // destroyed before the cells it points to
};

SociSession::SociSession(std::unique_ptr<soci::session> session, Translate translate)
    : session_(std::move(session)), translate_(translate) {}

SociSession::~SociSession() { drop_statements(); }

void SociSession::drop_statements() noexcept { kept_.clear(); }

std::size_t SociSession::do_execute(const Statement& statement, std::initializer_list<Arg> args, RowSink sink) {
  if (kept_.size() <= statement.index) kept_.resize(statement.index + 1);
  auto& slot = kept_[statement.index];
  try {
    if (!slot) slot = std::make_unique<Kept>(*session_, statement);
    Kept& kept = *slot;
    for (std::size_t i = 0; i < args.size(); ++i) {
      const Value& value = args.begin()[i].value;
      Cell& cell = kept.params[i];
      cell.indicator = soci::i_ok;
      if (const auto* integer = std::get_if<std::int64_t>(&value)) {
        cell.integer = *integer;
      } else if (const auto* text = std::get_if<std::string_view>(&value)) {
        cell.text.assign(*text);
      } else {
        cell.indicator = soci::i_null;
      }
    }
    bool row = kept.soci.execute(true);
    if (statement.columns.empty()) return static_cast<std::size_t>(kept.soci.get_affected_rows());
    std::size_t rows = 0;
    for (; row; row = kept.soci.fetch()) {
      sink(kept);
      ++rows;
    }
    return rows;
  } catch (const soci::soci_error& error) {
    slot.reset();
    translate_(error, statement.name);
    throw Error(Errc::internal, "the error translator of the backend returned", {}, 0, statement.name);
  } catch (...) {
    slot.reset();
    throw;
  }
}

}  // namespace sqlq::sql
