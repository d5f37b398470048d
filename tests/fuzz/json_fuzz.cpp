// The check of params and results: its verdict is that of a slow, plain reading, and its message quotes nothing.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include <sqlq/enqueue.hpp>
#include <sqlq/error.hpp>

#include "require.hpp"

namespace sqlq::fuzz {
namespace {

using nlohmann::json;

constexpr PayloadLimits limits{.max_bytes = 4096, .max_depth = 20};

/// What can be seen without a parser in a text that is JSON.
struct Shape {
  int depth = 0;
  bool nul = false;  ///< an escaped one
};

Shape shape_of(std::string_view text) {
  Shape shape;
  int depth = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted && c == '\\') {
      shape.nul = shape.nul || text.substr(i, 6) == "\\u0000";
      ++i;
    } else if (c == '"') {
      quoted = !quoted;
    } else if (!quoted && (c == '[' || c == '{')) {
      shape.depth = std::max(shape.depth, ++depth);
    } else if (!quoted && (c == ']' || c == '}')) {
      --depth;
    }
  }
  return shape;
}

bool is_good(std::string_view text) {
  if (text.empty() || text.size() > limits.max_bytes || text.starts_with("\xEF\xBB\xBF")) return false;
  if (text.find('\0') != std::string_view::npos || !json::accept(text)) return false;
  const Shape shape = shape_of(text);
  return !shape.nul && shape.depth <= limits.max_depth;
}

constexpr std::string_view secret = "HUNTER2";

/// A short sentence in plain characters, with nothing of the text in it.
void require_plain(std::string_view message) {
  require(message.starts_with("the params "), "the message says what it is about");
  require(message.size() < 200, "the message is a sentence");
  require(std::ranges::all_of(message, [](char c) { return c >= ' ' && c <= '~'; }), "the message is plain text");
  require(message.find(secret) == std::string_view::npos, "the message does not quote the text");
}

void check(std::string_view text) {
  bool accepted = true;
  try {
    check_json(text, limits, "the params");
  } catch (const Error& e) {
    accepted = false;
    require(e.code() == Errc::invalid_argument && !e.retryable(), "a bad text is the caller's mistake");
    require_plain(e.what());
  }
  require(accepted == is_good(text), "the verdict is that of the plain reading");
  if (accepted) static_cast<void>(json::parse(text).dump());  // what was accepted can be read and written again
}

}  // namespace
}  // namespace sqlq::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  sqlq::fuzz::check(text);
  sqlq::fuzz::check("[\"" + std::string(sqlq::fuzz::secret) + "\"," + std::string(text));
  return 0;
}
