#pragma once
/// \file
/// Connection strings, parsed.

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sqlq/clock.hpp>
#include <sqlq/export.hpp>

namespace sqlq::backend {

/// `scheme:path`, `scheme://path`, `scheme:///path`, `scheme://user:password@host:port/path?option=value&...`.
///
/// The parser only splits and percent-decodes; the backend gives the parts their meaning. Backends that name files
/// read `rest()`, which is there for every form. Backends that name servers call `authority()`; only then is the text
/// read as users, hosts and ports, so that a file name with '@' or ':' in it troubles nobody. The first '?' ends the
/// path; write '?' and '%' in names as %3F and %25.
///
/// A plain value. Errors: Error(invalid_argument) with the reason and the place, never with the password.
class SQLQ_API Url {
 public:
  /// Throws for a missing or malformed scheme, a bad percent escape, NUL, a malformed or repeated option. Schemes are
  /// made lower-case.
  static Url parse(std::string_view text);
  /// Whether the text begins with a well-formed scheme.
  [[nodiscard]] static bool has_scheme(std::string_view text) noexcept;

  /// What is before the colon, in lower case.
  [[nodiscard]] const std::string& scheme() const noexcept { return scheme_; }
  /// Was there a "//" after the scheme?
  [[nodiscard]] bool has_authority() const noexcept { return has_authority_; }
  /// Everything between "scheme:" or "scheme://" and '?', percent-decoded, as one text: for backends that name files.
  [[nodiscard]] const std::string& rest() const noexcept { return rest_; }

  /// `//user:password@host:port,host:port/path`, every part but the hosts' separators optional.
  struct Authority {
    std::string user{};                                ///< decoded; empty: none given
    std::optional<std::string> password{};             ///< decoded; empty: none given
    std::vector<std::pair<std::string, int>> hosts{};  ///< port 0 when not given; IPv6 without its brackets
    std::string path{};                                ///< without the leading slash
  };
  /// Reads the text after "//" as an authority. Throws when there is no "//", for a bad port, an empty host in a list,
  /// an unclosed bracket, '@' in the path (write %40): it would be the rest of a password with '/' in it.
  [[nodiscard]] Authority authority() const;

  /// The option's value; empty if not given.
  [[nodiscard]] std::optional<std::string> option(std::string_view name) const;
  /// Typed options: the default when not given; Error(invalid_argument) naming option and expected form when malformed.
  [[nodiscard]] bool flag(std::string_view name, bool otherwise) const;  ///< true/false, 1/0, yes/no, on/off
  /// A whole number from `least` to `most`.
  [[nodiscard]] std::int64_t integer(std::string_view name, std::int64_t otherwise, std::int64_t least,
                                     std::int64_t most) const;
  /// A number with unit: "500ms", "5s", "2m", "1h". The unit is required (0 may go without).
  [[nodiscard]] Duration duration(std::string_view name, Duration otherwise, Duration least, Duration most) const;
  /// One of the words given.
  [[nodiscard]] std::string choice(std::string_view name, std::string_view otherwise,
                                   std::initializer_list<std::string_view> words) const;
  /// The option `wait`, which every backend has: how long `open` waits for the database to come up. 0 to 1h; default 0.
  [[nodiscard]] Duration wait() const;
  /// The option `create`, which every backend has: false: `open` makes no database that is not there. Default true.
  /// A backend whose `open` never makes one need not ask.
  [[nodiscard]] bool create() const;
  /// Error(invalid_argument) if an option is given that is neither in the list nor `wait` or `create`; the message has
  /// the list.
  void refuse_unknown(std::initializer_list<std::string_view> known) const;

  /// The URL for logs: the password, and options whose name speaks of a secret, replaced by ***.
  [[nodiscard]] std::string redacted() const;

 private:
  std::string scheme_;
  bool has_authority_ = false;
  std::string rest_;
  std::string raw_;  // rest_ before decoding: separators are told from escaped ones
  std::vector<std::pair<std::string, std::string>> options_;
};

}  // namespace sqlq::backend
