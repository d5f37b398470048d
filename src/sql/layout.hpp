#pragma once
/// \file
/// The columns and indexes of our tables: those that this library expects, those that are there, and how they differ.
/// What the catalogue's statement `layout` answers is the same for all versions of a database that we know.

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <sqlq/export.hpp>
#include <sqlq/finding.hpp>

#include "sql/operations.hpp"
#include "sql/session.hpp"

namespace sqlq::sql {

/// What a finding calls it: the table has no prefix, `kind` is "column" or "index".
struct LayoutKey {
  std::string table{};
  std::string kind{};
  std::string name{};
  friend auto operator<=>(const LayoutKey&, const LayoutKey&) = default;
};
/// With the definition of each, in the words of the statement.
using Layout = std::map<LayoutKey, std::string>;

/// Lines "table kind name definition".
[[nodiscard]] Layout parse_layout(std::string_view text);
[[nodiscard]] SQLQ_API std::string text_of(const Layout& layout);
[[nodiscard]] SQLQ_API Layout read_layout(Session& session, const Catalogue& queries);

/// Compares the tables with what Operations::layout expects. Says nothing where the tables are of another version, for
/// that says it all; a later one may have more than we know. `session` sees one snapshot.
[[nodiscard]] std::vector<Finding> find_drift(Session& session, const Operations& operations);

/// The comparison itself. `hidden`: what is missing may only be hidden from this user. `more`: there may be more.
[[nodiscard]] std::vector<Finding> differences(const Layout& expected, const Layout& there, bool hidden, bool more);

}  // namespace sqlq::sql
