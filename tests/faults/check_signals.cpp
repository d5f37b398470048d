// What can be said of signals that are sent by SignalMode::first.

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "findings.hpp"

namespace sqlq::faults {
namespace {

/// The signals of one name to one job, and its waits for them.
class SignalJudge {
 public:
  SignalJudge(const Id& id, std::uint32_t name, const Story& job, Findings& findings)
      : id_(id), out_(findings), row_(job.row) {
    if (row_ == nullptr) return;
    for (const Recorded& r : row_->steps) {
      if (r.step == name) recorded_.push_back(r);
    }
  }

  void judge(const std::vector<Record>& in_order_of_time) {
    for (const Record& r : in_order_of_time) note(r);
    expect(answers_.size() < 2, "a wait has " + std::to_string(answers_.size()) + " answers");
    expect(stored_.size() < 2, "of one name " + std::to_string(stored_.size()) + " signals were stored");
    for (const std::uint64_t value : stored_) {
      expect(!received_ || value == *received_, "a wait has received another signal than the one that was stored");
    }
    if (row_ != nullptr) check_recorded();
    if (answers_.contains(std::nullopt)) check_expired();
  }

 private:
  void expect(bool good, const std::string& text) { out_.expect(good, Rule::signal, id_, text); }

  void note(const Record& r) {
    switch (r.what) {
      case What::signalling: sent_.insert(r.value); return;
      case What::signalled:
        if (r.code == Code::refused) return;
        if (!there_) there_ = r.at_us;
        if (r.code != Code::ok) return;
        ++out_.figures().signals;
        stored_.insert(r.value);
        return;
      case What::waiting: waiting_.try_emplace(r.claim, r.at_us); return;
      default: break;
    }
    if (r.code == Code::ok) {
      ++out_.figures().received;
      expect(sent_.contains(r.value), "claim " + std::to_string(r.claim) + " has received what nobody had sent");
      received_ = r.value;
      answers_.insert(r.value);
    } else {
      ++out_.figures().expired;
      answers_.insert(std::nullopt);
    }
  }

  [[nodiscard]] const Recorded* recorded(StepIs is) const {
    const auto at = std::ranges::find(recorded_, is, &Recorded::is);
    return at == recorded_.end() ? nullptr : &*at;
  }

  void check_recorded() {
    const Recorded* const signal = recorded(StepIs::signal);
    const Recorded* const expired = recorded(StepIs::expired);
    expect(!there_ || signal != nullptr, "a signal that was stored is not there");
    for (const std::uint64_t value : stored_) {
      expect(signal == nullptr || signal->value == value, "another signal is there than the one that was stored");
    }
    expect(signal == nullptr || sent_.contains(signal->value), "a signal is there that nobody has sent");
    expect(signal == nullptr || expired == nullptr || expired < signal,
           "the time of a wait was said to be over after its signal had been stored");
  }

  // Its execution had not yet asked, at the moment in which it wrote that it would.
  void check_expired() {
    const Recorded* const expired = recorded(StepIs::expired);
    expect(row_ == nullptr || expired != nullptr, "a wait whose time was over, which is not recorded");
    const auto asked = expired == nullptr ? waiting_.begin() : waiting_.find(expired->claim);
    expect(!there_ || asked == waiting_.end() || asked->second <= *there_,
           "a wait ended without the signal that had been stored before");
  }

  const Id& id_;
  Findings& out_;
  const Row* const row_;
  std::vector<Recorded> recorded_{};  // in order
  std::set<std::uint64_t> sent_{};
  std::set<std::uint64_t> stored_{};         // as the senders were told
  std::optional<Moment> there_{};            // since when one certainly was
  std::map<std::int32_t, Moment> waiting_{};  // by claim
  std::set<std::optional<std::uint64_t>> answers_{};  // empty: the time was over
  std::optional<std::uint64_t> received_{};
};

}  // namespace

void check_signals(const History& history, Findings& findings) {
  for (const auto& [key, records] : history.signals) {
    const auto job = history.jobs.find(key.first);
    if (job != history.jobs.end()) SignalJudge(key.first, key.second, job->second, findings).judge(records);
  }
}

}  // namespace sqlq::faults
