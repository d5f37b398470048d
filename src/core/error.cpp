#include <sqlq/error.hpp>

#include <utility>

namespace sqlq {

std::string_view to_string(Errc code) noexcept {
  switch (code) {
    case Errc::invalid_argument: return "invalid_argument";
    case Errc::misuse: return "misuse";
    case Errc::refused: return "refused";
    case Errc::permission: return "permission";
    case Errc::configuration: return "configuration";
    case Errc::schema: return "schema";
    case Errc::retry_transaction: return "retry_transaction";
    case Errc::busy: return "busy";
    case Errc::connection: return "connection";
    case Errc::wrong_node: return "wrong_node";
    case Errc::outcome_unknown: return "outcome_unknown";
    case Errc::lease_lost: return "lease_lost";
    case Errc::corrupt: return "corrupt";
    case Errc::internal: return "internal";
  }
  return "unknown";
}

Error::Error(Errc code, const std::string& message, std::string backend, int native, std::string statement)
    : std::runtime_error(message),
      code_(code),
      backend_(std::move(backend)),
      native_(native),
      statement_(std::move(statement)) {}

bool Error::retryable() const noexcept {
  return code_ == Errc::retry_transaction || code_ == Errc::busy || code_ == Errc::connection ||
         code_ == Errc::wrong_node;
}

bool Error::connection_lost() const noexcept {
  return code_ == Errc::connection || code_ == Errc::wrong_node || code_ == Errc::outcome_unknown;
}

}  // namespace sqlq
