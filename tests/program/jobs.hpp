#pragma once
/// \file
/// Jobs in all states, with names and texts that would harm a terminal.

#include <string>
#include <vector>

#include "program.hpp"

namespace sqlq::program {

/// Clears the screen, ends lines, turns the direction of text.
inline const std::string hostile = "\x1b[2Jred\r\n\xe2\x80\xae" "evil\x7f";
/// A name cannot have control characters, but all others.
inline const std::string hostile_name = "a b'c\"d\\,$x\xe2\x80\xae" "e";

/// No job has it.
inline const std::string nobody = "019ad0c5-7f3a-7c1e-9a55-0f6b2d1c8e47";

/// The name as one value of an option that takes several.
inline std::string escaped(std::string name) {
  for (std::size_t at = 0; (at = name.find(',', at)) != std::string::npos; at += 2) name.insert(at, 1, '\\');
  return name;
}

/// Whether a terminal can show it as it is: no control characters but ends of lines, nothing that turns text.
inline bool harmless(const std::string& text) {
  for (const char c : text) {
    if ((c >= 0 && c < ' ' && c != '\n') || c == '\x7f') return false;
  }
  return text.find("\xe2\x80\xae") == std::string::npos;
}

inline std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

/// On a file, or on any database.
template <class Base>
class WithJobs : public Base {
 protected:
  JobId enqueue(const std::string& kind, const EnqueueOptions& options = {}, const std::string& params = "{}") {
    return this->client().enqueue(NewJob{kind, params, options}).id;
  }
  /// Claims the only job that is due in its queue.
  Job claim(const std::string& queue = "default") {
    const std::optional<Job> job = this->client().claim_one(queue);
    if (!job) throw std::runtime_error("no job is due in queue " + queue);
    return *job;
  }
  /// An errored job.
  JobId fail(const std::string& kind, const std::string& message, const EnqueueOptions& options = {}) {
    const JobId id = enqueue(kind, options);
    const Job job = claim(options.queue.value_or("default"));
    EXPECT_EQ(job.id, id);
    EXPECT_EQ(this->client().error(job, message, {.discard = true}), FinishStatus::applied);
    return id;
  }
  JobState state(JobId id) { return this->client().find(id).value_or(Job{}).state; }
};

using Jobs = WithJobs<ProgramTest>;

/// One member of each object.
inline std::vector<std::string> column(const nlohmann::json& rows, const std::string& name) {
  std::vector<std::string> values;
  for (const auto& row : rows) values.push_back(row.at(name).get<std::string>());
  return values;
}

}  // namespace sqlq::program
