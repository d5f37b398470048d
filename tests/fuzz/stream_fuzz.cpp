// The lines of a stream of jobs: what is read is what would be written, and an error names no value.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <sstream>
#include <string>
#include <string_view>
#include <variant>

#include <sqlq/error.hpp>

#include "require.hpp"
#include "transfer/line_reader.hpp"
#include "transfer/line_writer.hpp"

namespace sqlq::fuzz {
namespace {

constexpr PayloadLimits limits{.max_bytes = 4096, .max_depth = 20};
constexpr std::string_view secret = "HUNTER2";

void require_plain(std::string_view message) {
  require(message.size() < 300, "the message is a sentence");
  require(std::ranges::all_of(message, [](char c) { return c >= ' ' && c <= '~'; }), "the message is plain text");
  require(message.find(secret) == std::string_view::npos, "the message shows no value");
}

/// What it says, written again; empty when it is no line of a stream.
std::string read(std::string_view text) {
  try {
    const transfer::Line line = transfer::parse_line(text, limits);
    if (const auto* job = std::get_if<backend::StoredJob>(&line)) return transfer::line_of(*job);
    if (const auto* queue = std::get_if<Queue>(&line)) return transfer::line_of(*queue);
    if (const auto* end = std::get_if<transfer::End>(&line)) {
      return transfer::last_line(static_cast<std::uint64_t>(end->queues), static_cast<std::uint64_t>(end->jobs),
                                 end->checksum);
    }
    return "{\"sqlq\":" + std::to_string(std::get<transfer::Version>(line).number) + "}";
  } catch (const Error& e) {
    require(e.code() == Errc::invalid_argument && !e.retryable(), "a bad line is the caller's mistake");
    require_plain(e.what());
    return {};
  }
}

void check(std::string_view text) {
  const std::string once = read(text);
  if (once.empty()) return;
  require(read(once) == once, "what was written is read as the same, and written as the same");
}

}  // namespace
}  // namespace sqlq::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  std::istringstream stream(text);
  sqlq::transfer::LineReader lines(stream);
  std::string line;
  std::string all;
  while (lines.next(line)) {
    sqlq::fuzz::check(line);
    sqlq::fuzz::require(lines.number() != 1 || text.starts_with(line), "the first line is at the begin");
    all += line;
  }
  sqlq::fuzz::require(all.size() + lines.number() >= text.size(), "lines leave out nothing but line feeds");
  sqlq::fuzz::check("{\"queue\":{\"name\":\"" + std::string(sqlq::fuzz::secret) + "\",\"paused\":" + text + "}}");
  return 0;
}
