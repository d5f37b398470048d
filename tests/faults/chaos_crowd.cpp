#include "chaos_crowd.hpp"

#include <signal.h>

#include <algorithm>

#include "process/scratch.hpp"

namespace sqlq::faults {
namespace {

const char* program_of(Role::Kind kind) {
  switch (kind) {
    case Role::Kind::worker: return "process_worker";
    case Role::Kind::mixer: return "process_mixer";
    case Role::Kind::producer: return "process_producer";
  }
  return "";
}

}  // namespace

Crowd::Crowd(std::string records, const std::vector<Role>& roles, std::function<std::string(Role::Kind)> doom)
    : reader_(std::move(records)), places_(roles.size()), doom_(std::move(doom)) {
  for (std::size_t i = 0; i < roles.size(); ++i) places_[i].role_ = roles[i];
}

void Crowd::start() {
  for (Place& place : places_) start(place);
}

void Crowd::start(Place& place) {
  place.ready_ = place.said_so_ = false;
  place.open_.clear();
  place.last_begin_us_ = 0;
  place.poisoned_ = false;
  place.doom_ = doom_(place.kind());
  auto arguments = place.role_.arguments;
  if (place.doomed()) arguments.push_back("die=" + place.doom_);
  // Records and faults know a process by its pid, which the system gives again when it has gone through all of them.
  do {
    place.child_ = std::make_unique<process::Child>(program_of(place.kind()), arguments);
  } while (!pids_.insert(place.pid()).second);
}

void Crowd::look() {
  for (Place& place : places_) {
    if (place.over_) continue;
    if (!place.ready_ || place.doomed()) listen(place);
    if (!place.child_->ended()) continue;
    listen(place);
    bury(place, *place.child_->wait(Duration(0)));
    start(place);
  }
}

void Crowd::listen(Place& place) {
  while (const auto line = place.child_->line(Duration(0))) {
    if (*line == "ready") {
      place.ready_ = true;
      if (place.kind() == Role::Kind::mixer) place.child_->tell("go");
    } else if (line->starts_with("dying ")) {
      place.said_so_ = true;
    }
  }
}

void Crowd::bury(Place& place, const process::Exit& exit) {
  const auto now = steady_us();
  deaths_.push_back({.kind = Fault::Kind::killed, .pid = place.pid(), .from_us = now, .to_us = now});
  read(place);
  if (exit.by_signal(SIGKILL) && place.said_so_) {
    ++dooms_[place.doom_.substr(0, place.doom_.rfind(' '))];
  } else if (place.poisoned_ && (exit.by_signal(SIGABRT) || exit.with_code(9))) {  // as process_worker's does
    ++poisonings_;
  } else {
    findings_.push_back(std::string(program_of(place.kind())) + " " + std::to_string(place.pid()) +
                        " ended by itself: " + exit.to_string());
  }
}

void Crowd::kill(Place& place) {
  const auto now = steady_us();
  const auto exit = place.child_->kill_hard();
  listen(place);
  if (place.said_so_ || !exit.by_signal(SIGKILL)) {  // it was faster
    bury(place, exit);
  } else {
    deaths_.push_back({.kind = Fault::Kind::killed, .pid = place.pid(), .from_us = now, .to_us = now});
    ++kills_;
  }
  start(place);
}

void Crowd::read(Place& place) {
  for (const Record& r : reader_.more_of(place.pid())) {
    const Open open{r.id, r.claim, r.token};
    if (r.what == What::start || r.what == What::claimed) {
      place.open_.insert(open);
      place.last_begin_us_ = std::max(place.last_begin_us_, r.at_us);
    }
    if (r.what == What::start && r.code == Code::poison) place.poisoned_ = true;
    if (r.what == What::end || r.what == What::finished) place.open_.erase(open);
  }
}

const std::set<Open>& Crowd::open(Place& place) {
  read(place);
  return place.open_;
}

std::int64_t Crowd::last_begin_us(Place& place) {
  read(place);
  return place.last_begin_us_;
}

bool Crowd::all_ready() const {
  return std::ranges::all_of(places_, [](const Place& place) { return place.ready_; });
}

void Crowd::end(Role::Kind kind) {
  for (Place& place : places_) {
    if (place.kind() != kind) continue;
    place.over_ = true;
    place.child_->signal(SIGTERM);
  }
  for (Place& place : places_) {
    if (place.kind() != kind) continue;
    const auto exit = place.child_->wait(process::long_enough);
    if (!exit) {
      findings_.push_back(std::string(program_of(kind)) + " does not end when it is asked to");
      (void)place.child_->kill_hard();
    } else if (!exit->with_code(0)) {
      listen(place);
      bury(place, *exit);
    }
  }
}

}  // namespace sqlq::faults
