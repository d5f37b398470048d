#pragma once
/// \file
/// What goes wrong between a dialect and its database, and when: in one round trip that is named, or by chance.
///
/// A round trip is a statement, or the begin, commit or rollback of a transaction, or the making of a connection.
/// FaultySession and FaultyServer ask at each of them. Nothing is pretended that can be had: connections are really
/// cut, transactions really undone, and errors come from the database itself wherever it can be made to report them.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <sqlq/error.hpp>

namespace sqlq::trials {

/// What happens to a round trip.
enum class Effect {
  refused,   ///< it is not run, and the database reports the error
  undone,    ///< the same, and the transaction is undone
  answered,  ///< it is run, and the error reported instead of the answer
  cut,       ///< the connection is cut before it
  cut_late,  ///< it is run, and the connection cut before the answer
};

/// One kind of trouble, as a backend has it.
struct Fault {
  std::string name{};
  Effect effect = Effect::refused;
  std::string error{};          ///< how the backend's Victim reports it; not for cuts
  std::optional<Errc> told{};   ///< what the caller is told when it happens once; empty: nothing, it is absorbed
  bool tried_again = false;     ///< at round trips of writes nothing is told: the write is tried once more
  bool at_commit = true;        ///< may a COMMIT fail with it?

  [[nodiscard]] bool cuts() const { return effect == Effect::cut || effect == Effect::cut_late; }
  /// Can it happen in this round trip? A rollback fails with its connection only.
  [[nodiscard]] bool fits(std::string_view trip) const;
  /// Was the round trip run, although it is reported as failed?
  [[nodiscard]] bool runs() const { return effect == Effect::answered || effect == Effect::cut_late; }
};

/// A connection that faults happen to.
class Victim {
 public:
  virtual ~Victim() = default;
  /// Undoes the transaction, if one is open.
  virtual void undo() = 0;
  /// Throws what the library makes of `error` when the database reports it.
  virtual void report(const std::string& error) = 0;
  /// Cuts the connection and waits until the database has noticed, so that nothing is locked any more.
  virtual void cut() = 0;
};

/// Decides for each round trip.
class Trips {
 public:
  virtual ~Trips() = default;
  /// Called for each round trip; null: it goes well.
  [[nodiscard]] virtual const Fault* next(std::string_view trip) = 0;
};

/// Those that a test asks for. One thread.
class Faults final : public Trips {
 public:
  /// From here on nothing goes wrong; round trips are counted anew.
  void none();
  /// Only in round trip `trip`, from 0.
  void once(const Fault& fault, std::size_t trip);
  /// In `percent` of the round trips one of these.
  void by_chance(std::span<const Fault> some, int percent, std::uint64_t seed);

  [[nodiscard]] const Fault* next(std::string_view trip) override;

  /// The round trips since the last change, by name.
  [[nodiscard]] const std::vector<std::string>& trips() const noexcept { return trips_; }
  /// The faults that happened: "deadlock at commit".
  [[nodiscard]] const std::vector<std::string>& happened() const noexcept { return happened_; }
  /// Had something been done that may have stayed when a fault happened: a statement outside of a transaction, or one
  /// whose answer was lost?
  [[nodiscard]] bool after_something() const noexcept { return after_something_; }

 private:
  std::vector<std::string> trips_{};
  std::vector<std::string> happened_{};
  bool within_ = false;           // a transaction
  bool something_ = false;        // was done outside of one
  bool after_something_ = false;
  std::optional<Fault> fault_{};
  std::size_t at_ = 0;
  std::span<const Fault> some_{};
  int percent_ = 0;
  std::mt19937_64 random_{};
};

/// Makes a round trip, or what goes wrong with it. `run` makes it, `lose` makes it and drops the answer.
template <class Run, class Lose>
auto trip(Trips& trips, Victim& victim, std::string_view name, Run run, Lose lose) {
  if (const Fault* const fault = trips.next(name)) {
    if (fault->runs()) lose();
    if (fault->effect == Effect::undone) victim.undo();
    if (fault->cuts()) {
      victim.cut();  // and what is run now fails by itself
    } else {
      victim.report(fault->error);
    }
  }
  return run();
}

}  // namespace sqlq::trials
