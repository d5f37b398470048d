#pragma once
/// \file
/// The language of what client libraries say.

#include <sqlq/export.hpp>

namespace sqlq::platform {

/// While it lives, the calling thread's libraries say what they have to say in English, whatever the program's
/// language: for texts that are compared. Nested or not; on one thread.
class SQLQ_API English final {
 public:
  English() noexcept;
  ~English();
  English(const English&) = delete;
  English& operator=(const English&) = delete;

 private:
  struct State;
  State* state_;  ///< null: the system could not
};

}  // namespace sqlq::platform
