#pragma once
/// \file
/// A database whose process kills itself, as kill -9 does, at a round trip that is named: for workers and producers
/// that must die at the worst moment.

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include <sqlq/backend/url.hpp>
#include <sqlq/database.hpp>

#include "trials/faults.hpp"

namespace sqlq::doom {

/// When: "before commit 7" is before the seventh COMMIT is sent, "after claim 2" when the answer to the second
/// statement of that name has come and nobody has read it.
///
/// Thread-safe. Errors: std::invalid_argument for a text of another form.
class Doom final : public trials::Trips {
 public:
  /// `last_words` is called once, with the text, before the end.
  Doom(const std::string& when, std::function<void(const std::string&)> last_words);

  const trials::Fault* next(std::string_view trip) override;
  /// Does what is a round trip of that name, without the library.
  template <class Call>
  void around(std::string_view trip, Call call) {
    const trials::Fault* fault = next(trip);
    if (fault != nullptr && fault->effect == trials::Effect::cut) come();
    call();
    if (fault != nullptr) come();
  }
  /// Says the last words and kills the process.
  [[noreturn]] void come() const;

 private:
  const std::string when_;
  const std::function<void(const std::string&)> last_words_;
  trials::Fault fault_{};
  std::string trip_{};
  std::mutex mutex_;
  std::int64_t left_ = 0;
};

/// Opens what the URL names; `doom` must outlive it.
[[nodiscard]] Database open(const std::string& url, Doom& doom);

}  // namespace sqlq::doom
