#pragma once
/// \file
/// What a client tells its server, as far as it matters to who wants to cut the line at the worst moment: which of its
/// messages makes something durable.

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace sqlq::faults {

/// Everything the client sends until it waits for the answer.
struct Flight {
  std::string bytes{};
  bool commits = false;  ///< a COMMIT, or a statement outside of a transaction that writes
};

/// What came of a commit.
enum class Reply {
  unfinished,  ///< the answer has not come whole
  done,        ///< the server says it is done
  refused,     ///< the server reports an error
};

/// Reads both directions of one connection. One thread; one object per connection.
class Statements {
 public:
  virtual ~Statements() = default;
  /// The client has sent these bytes; the next flights are taken one by one.
  void sent(std::string_view bytes) { client_ += bytes; }
  [[nodiscard]] virtual std::optional<Flight> next() = 0;
  /// All that the server has sent since the last flight.
  [[nodiscard]] virtual Reply reply(std::string_view bytes) const = 0;

 protected:
  /// Does the statement commit something by itself, or end a transaction that may have?
  [[nodiscard]] bool commits(std::string_view sql);

  std::string client_{};

 private:
  bool within_ = false;     // a transaction that may write
  bool read_only_ = false;  // one that may not
};

[[nodiscard]] std::unique_ptr<Statements> postgres_statements();
[[nodiscard]] std::unique_ptr<Statements> mysql_statements();

}  // namespace sqlq::faults
