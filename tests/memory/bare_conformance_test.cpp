// The conformance suite on a backend that has nothing but what it must have: no optional part, no transactions of the
// user's, one handle to its storage, a name for a URL, and no description of a database. What a first backend of
// somebody else's is; the topics must not ask it for more.

#include <atomic>
#include <memory>
#include <string>
#include <utility>

#include <sqlq/backend/forwarding.hpp>
#include <sqlq/backend/register.hpp>
#include <sqlq/conformance/suite.hpp>
#include <sqlq/testing/memory_storage.hpp>

namespace {

namespace backend = sqlq::backend;

class Bare final : public backend::ForwardingDialect {
 public:
  using ForwardingDialect::ForwardingDialect;

  [[nodiscard]] const backend::Capabilities& capabilities() const noexcept override { return nothing_; }
  [[nodiscard]] backend::HandOver* hand_over() noexcept override { return nullptr; }
  [[nodiscard]] backend::Outages* outages() noexcept override { return nullptr; }
  [[nodiscard]] backend::Workers* workers() noexcept override { return nullptr; }
  [[nodiscard]] backend::Editing* editing() noexcept override { return nullptr; }
  [[nodiscard]] backend::Insight* insight() noexcept override { return nullptr; }
  [[nodiscard]] backend::Transfer* transfer() noexcept override { return nullptr; }
  [[nodiscard]] backend::Periodic* periodic() noexcept override { return nullptr; }
  [[nodiscard]] backend::Steps* steps() noexcept override { return nullptr; }
  [[nodiscard]] backend::Gates* gates() noexcept override { return nullptr; }

 private:
  backend::Capabilities nothing_{.shared_storage = false,
                                 .survives_reopen = false,
                                 .transactional_ddl = false,
                                 .borrowed_transactions = false,
                                 .cross_process_wakeup = false};
};

sqlq::conformance::Backend bare() {
  backend::register_backend("bare", [](const backend::Url& url, std::shared_ptr<sqlq::Clock> clock) {
    url.refuse_unknown({});
    return std::make_unique<Bare>(sqlq::testing::MemoryStorage{}.connect(std::move(clock)));
  });
  static std::atomic<int> made = 0;
  return {.create = [](const std::string& test) { return "bare://" + test + std::to_string(++made); },
          .drop = [](const std::string&) {}};
}

}  // namespace

SQLQ_CONFORMANCE(Bare, bare);
