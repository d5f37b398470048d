#pragma once
/// \file
/// Runs operations while something goes wrong, and judges what came of it.
///
/// Of each operation is known from a run without faults what the scene was before, what it is after, and what is
/// answered the first time and when it is repeated. With faults, then:
///   - it answers: the scene is as after, the answer the first one; or, if something had been done that stays when the
///     fault happened, that of a repetition, but for a claim: it must know what it took;
///   - it throws: the error is of the class the fault must have. Unless it says that the outcome is unknown, the scene
///     is as before; else as before or as after, and never anything between;
///   - no error shows what was in a payload;
///   - the same call repeated on the same dialect, now without faults, works, and the scene is as after;
///   - all that is left can be claimed in the same order as without faults, so nothing invisible is left behind.

#include <cstddef>
#include <cstdint>
#include <ostream>
#include <span>
#include <string>
#include <vector>

#include "trials/faults.hpp"
#include "trials/operations.hpp"

namespace sqlq::trials {

/// What the trials of a database came to.
struct Tally {
  std::size_t cases = 0;
  std::size_t absorbed = 0;  ///< answered in spite of it
  std::size_t told = 0;      ///< an error, and nothing was done
  std::size_t unknown = 0;   ///< an error that says that it may have been done...
  std::size_t done = 0;      ///< ... and it had been
  std::size_t faults = 0;
};
std::ostream& operator<<(std::ostream& out, const Tally& tally);

/// One dialect, whose round trips `faults` decides on, and one on the same storage without any, to look with. Both
/// must outlive it. Failures are reported to GoogleTest.
class Trial {
 public:
  Trial(backend::Dialect& faulty, backend::Dialect& plain, Faults& faults)
      : faulty_(faulty), plain_(plain), faults_(faults) {}

  /// Faults in each round trip of each operation, one at a time: those after which it was run all the same, and of the
  /// others one, by turns; all of them when SQLQ_SOAK_SECONDS is set. Prints how many cases that were, under `name`.
  Tally every_single(std::span<const Fault> kinds, const std::string& name);
  /// Operations by chance, with several faults at once, by chance: 40 from SQLQ_SEED on; again with the next seeds
  /// while SQLQ_SOAK_SECONDS lasts. Prints the same, and failures show their seed.
  Tally by_chance(std::span<const Fault> kinds, const std::string& name);

 private:
  /// What an operation does when all goes well.
  struct Known {
    const Operation* operation = nullptr;
    std::vector<std::string> trips{};
    std::string before{};
    std::string after{};
    std::string answer{};
    std::string repeated{};
    std::string left{};
  };
  void some_by_chance(std::span<const Fault> kinds, const std::vector<Known>& known, std::uint64_t seed);
  /// Makes the scene, unless it is there.
  void prepare(const Operation& operation);
  [[nodiscard]] Known learn(const Operation& operation);
  void judge(const Known& known, const Fault* only);
  void repeat(const Known& known, bool was_done);

  backend::Dialect& faulty_;
  backend::Dialect& plain_;
  Faults& faults_;
  const Operation* scene_ = nullptr;  // that is there, untouched
  Tally tally_{};
};

}  // namespace sqlq::trials
