#include "chaos_statements.hpp"

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace sqlq::faults {
namespace {

std::uint32_t big_endian(std::string_view bytes) {
  std::uint32_t n = 0;
  for (const char c : bytes.substr(0, 4)) n = n << 8 | static_cast<unsigned char>(c);
  return n;
}

std::uint32_t little_endian(std::string_view bytes) {
  std::uint32_t n = 0;
  for (std::size_t i = bytes.size(); i-- > 0;) n = n << 8 | static_cast<unsigned char>(bytes[i]);
  return n;
}

std::string_view text_at(std::string_view bytes, std::size_t at) {
  return bytes.substr(std::min(at, bytes.size()), bytes.find('\0', at) - at);
}

std::string upper(std::string_view text) {
  std::string big(text);
  std::ranges::transform(big, big.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return big;
}

/// Messages have a type, but for the first ones, and a length. A flight ends with Sync or a simple query.
class PostgresStatements final : public Statements {
 public:
  std::optional<Flight> next() override {
    for (;;) {
      const std::size_t head = started_ ? 1 : 0;
      const std::string_view all = std::string_view(client_).substr(read_);
      if (all.size() < head + 4) return {};
      const std::size_t size = head + big_endian(all.substr(head));
      if (all.size() < size) return {};
      const bool end = message(all.substr(0, size));
      read_ += size;
      if (!end) continue;
      Flight flight{client_.substr(0, read_), commits_};
      client_.erase(0, read_);
      read_ = 0;
      commits_ = false;
      return flight;
    }
  }

  Reply reply(std::string_view bytes) const override {
    Reply reply = Reply::unfinished;
    while (bytes.size() >= 5) {
      const std::size_t size = 1 + big_endian(bytes.substr(1));
      if (bytes.size() < size) break;
      if (bytes[0] == 'E') reply = Reply::refused;
      if (bytes[0] == 'C' && reply != Reply::refused) {
        reply = text_at(bytes, 5) == "ROLLBACK" ? Reply::refused : Reply::done;
      }
      if (bytes[0] == 'Z') return reply;
      bytes.remove_prefix(size);
    }
    return Reply::unfinished;
  }

 private:
  /// Is it the last of a flight?
  bool message(std::string_view m) {
    if (!started_) {
      constexpr std::uint32_t version_3 = 196608;
      started_ = big_endian(m.substr(4)) == version_3;  // else the wish for an encrypted line
      return true;
    }
    switch (m[0]) {
      case 'P': {
        const auto name = text_at(m, 5);
        prepared_[std::string(name)] = text_at(m, 5 + name.size() + 1);
        return false;
      }
      case 'B': {
        const auto portal = text_at(m, 5);
        commits_ = commits(prepared_[std::string(text_at(m, 5 + portal.size() + 1))]) || commits_;
        return false;
      }
      case 'Q': commits_ = commits(text_at(m, 5)); return true;
      case 'D':
      case 'E':
      case 'C': return false;
      default: return true;
    }
  }

  bool started_ = false;
  bool commits_ = false;
  std::size_t read_ = 0;
  std::map<std::string, std::string> prepared_{};
};

/// Packets have a length and a number that begins anew with each command. Each is a flight.
class MysqlStatements final : public Statements {
 public:
  std::optional<Flight> next() override {
    if (client_.size() < 4) return {};
    const std::size_t size = 4 + little_endian(std::string_view(client_).substr(0, 3));
    if (client_.size() < size) return {};
    Flight flight{client_.substr(0, size)};
    client_.erase(0, size);
    constexpr char query = 3;
    if (size > 5 && flight.bytes[3] == 0 && flight.bytes[4] == query) {
      flight.commits = commits(std::string_view(flight.bytes).substr(5));
    }
    return flight;
  }

  Reply reply(std::string_view bytes) const override {
    if (bytes.size() < 5 || bytes.size() < 4 + little_endian(bytes.substr(0, 3))) return Reply::unfinished;
    return bytes[4] == 0 ? Reply::done : Reply::refused;
  }
};

}  // namespace

bool Statements::commits(std::string_view sql) {
  while (!sql.empty() && std::isspace(static_cast<unsigned char>(sql.front())) != 0) sql.remove_prefix(1);
  // Text values come later than this in all statements that matter; payloads may be long.
  const std::string start = upper(sql.substr(0, 4000));
  const auto is = [&](std::string_view word) { return start.starts_with(word); };
  if (is("BEGIN") || is("START TRANSACTION")) {
    within_ = start.find("READ ONLY") == std::string::npos;
    read_only_ = !within_;
    return false;
  }
  if (is("COMMIT")) return std::exchange(within_, false);
  if (is("ROLLBACK")) {
    within_ = read_only_ = false;
    return false;
  }
  if (within_ || read_only_) return false;
  if (is("WITH")) return start.find("UPDATE ") != std::string::npos || start.find("INSERT ") != std::string::npos;
  return is("INSERT") || is("UPDATE") || is("DELETE");
}

std::unique_ptr<Statements> postgres_statements() { return std::make_unique<PostgresStatements>(); }
std::unique_ptr<Statements> mysql_statements() { return std::make_unique<MysqlStatements>(); }

}  // namespace sqlq::faults
