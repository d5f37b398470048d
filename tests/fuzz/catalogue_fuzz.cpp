// The reader of statements: any text is cut into statements or refused, and nothing of it gets lost in between.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <sqlq/error.hpp>

#include "require.hpp"
#include "sql/catalogue.hpp"

namespace sqlq::fuzz {
namespace {

using sql::Catalogue;
using sql::Statement;

/// Calls `read`; whether it threw nothing.
template <class Read>
bool accepts(Read read) {
  try {
    read();
    return true;
  } catch (const Error& e) {
    require(e.code() == Errc::internal && *e.what() != '\0', "a bad catalogue is our own mistake, and is told");
    return false;
  }
}

/// The pieces with their parameters are the text again, and each parameter that was declared is one of them.
void check_pieces(const Statement& s) {
  std::string whole;
  std::size_t uses = 0;
  for (const sql::Piece& piece : s.pieces) {
    whole += piece.text;
    if (!piece.param) continue;
    require(*piece.param < s.params.size(), "a piece ends with a parameter that is declared");
    whole += ':' + s.params[*piece.param].name;
    ++uses;
  }
  require(whole == s.text, "the pieces are the text");
  require(!s.pieces.back().param, "the last piece is text");
  require(uses >= s.params.size(), "each parameter is used");
}

void check(std::string_view text) {
  accepts([&] {
    const Catalogue catalogue(text);
    for (const Statement& s : catalogue.all()) {
      check_pieces(s);
      require(&catalogue[s.name] == &s, "a statement is found by its name");
    }
    accepts([&] { static_cast<void>(catalogue["no such statement "]); });
  });
  const std::array names{sql::Substitution{"jobs", "sqlq_jobs"}, sql::Substitution{"", "{"}};
  accepts([&] {
    const std::string expanded = sql::expand(text, names);
    const bool plain = text.find('{') == std::string_view::npos && text.find("-- piece:") == std::string_view::npos;
    require(!plain || expanded == text, "a text without names and pieces is left as it is");
  });
}

}  // namespace
}  // namespace sqlq::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  sqlq::fuzz::check(std::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}
