// Connection strings: any text is taken apart or refused, and no part of a password comes out again.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <sqlq/backend/url.hpp>
#include <sqlq/error.hpp>

#include "require.hpp"

namespace sqlq::fuzz {
namespace {

using backend::Url;
using std::chrono::hours;

constexpr std::string_view secret = "HUNTER2";

bool tells(std::string_view text) { return text.find(secret) != std::string_view::npos; }

/// What `read` says when it throws; empty if it does not.
template <class Read>
std::string refusal(Read read) {
  try {
    read();
    return {};
  } catch (const Error& e) {
    require(e.code() == Errc::invalid_argument, "a bad connection string is the caller's mistake");
    require(*e.what() != '\0', "an error says why");
    return e.what();
  }
}

/// Everything a backend does with a URL; all that it is told when something is wrong with it.
std::string read_all(const Url& url) {
  std::string told = refusal([&] { url.refuse_unknown({"schema", "pool"}); });
  told += refusal([&] { static_cast<void>(url.authority()); });
  for (const char* name : {"schema", "pool", "a"}) {
    told += refusal([&] { static_cast<void>(url.flag(name, false)); });
    told += refusal([&] { static_cast<void>(url.integer(name, 1, -5, 5)); });
    told += refusal([&] { static_cast<void>(url.duration(name, {}, {}, hours(1))); });
    told += refusal([&] { static_cast<void>(url.choice(name, "x", {"x", "y"})); });
  }
  return told;
}

void any_text(std::string_view text) {
  static_cast<void>(refusal([&] {
    const Url url = Url::parse(text);
    static_cast<void>(read_all(url));
    require(!url.scheme().empty(), "there is a scheme");
    require(url.rest().find('\0') == std::string::npos, "there is no NUL");
    require(url.redacted().starts_with(url.scheme() + ":"), "what is printed begins with the scheme");
  }));
}

/// A password with anything before and behind it, also what should have been escaped.
void any_password(std::string_view before, std::string_view behind) {
  const std::string text = "x://user:" + std::string(before) + std::string(secret) + std::string(behind) + "@host/db";
  const std::string told = refusal([&] {
    const Url url = Url::parse(text);
    require(!tells(read_all(url)), "no message has the password");
    require(!tells(url.redacted()), "what is printed has no password");
    if (!refusal([&] { static_cast<void>(url.authority()); }).empty()) return;
    const auto parts = url.authority();
    require(parts.password && tells(*parts.password), "the password is taken for nothing else");
  });
  require(!tells(told), "no message has the password");
}

}  // namespace
}  // namespace sqlq::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  sqlq::fuzz::any_text(text);
  sqlq::fuzz::any_password(text.substr(0, size / 2), text.substr(size / 2));
  return 0;
}
