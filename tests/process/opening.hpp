#pragma once
/// \file
/// How the programs that the tests start open their database.

#include <unistd.h>

#include <memory>
#include <string>
#include <type_traits>

#include <sqlq/sqlq.hpp>

#include "doom/doom.hpp"
#include "faults/record.hpp"
#include "helper.hpp"

namespace sqlq::process {

/// Calls until the database has answered, as a careful caller does: again after an error that may go away. An outcome
/// that is not known is asked for again, too: repeating is safe where the ids or the leases are the same.
template <class Call>
std::invoke_result_t<Call> stubbornly(Call call) {
  for (;;) {
    try {
      return call();
    } catch (const Error& e) {
      if (!e.retryable() && !e.outcome_unknown()) throw;
      work_for(std::chrono::milliseconds(20));
    }
  }
}

/// When this process is to kill itself, if it is. Outlives every database.
inline std::unique_ptr<doom::Doom>& own_doom() {
  static std::unique_ptr<doom::Doom> doom;
  return doom;
}

/// A COMMIT of the application's own: die="before commit 7" counts it, too.
template <class Call>
void commit_around(Call call) {
  own_doom() ? own_doom()->around("commit", call) : call();
}

/// The database of the argument url=. With die="before commit 7" the process kills itself then (doom/doom.hpp), after
/// it has recorded that and said so in a line. With patient=1 it waits for a database that cannot be reached.
inline Database open_as_asked(const Arguments& arguments, const faults::Recorder& recorder) {
  const std::string url = arguments.text("url");
  const std::string when = arguments.text("die", "");
  std::unique_ptr<doom::Doom>& doom = own_doom();
  if (!when.empty()) {
    doom = std::make_unique<doom::Doom>(when, [&recorder](const std::string& text) {
      const std::string line = "dying " + text + "\n";
      recorder.write(faults::about(faults::What::dying, faults::Id{}));
      [[maybe_unused]] const auto n = ::write(STDOUT_FILENO, line.data(), line.size());
    });
  }
  const auto once = [&] { return doom ? doom::open(url, *doom) : open(url); };
  return arguments.number("patient", 0) != 0 ? stubbornly(once) : once();
}

}  // namespace sqlq::process
