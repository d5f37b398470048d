#pragma once
/// \file
/// The JSON lines of `job enqueue -`, and the other values that make a job. Pure functions.
///
/// Errors: Error(invalid_argument) says what is wrong with the text, and quotes none of it but names of fields.

#include <istream>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sqlq/enqueue.hpp>

namespace sqlq::tool {

/// The members of the JSON object in `text`: their names, and the texts of their values as they stand there.
[[nodiscard]] std::vector<std::pair<std::string, std::string_view>> members_of(std::string_view text);

/// The job of one line. What it does not say is as in `defaults`; params are {} then. `now`: for relative times.
[[nodiscard]] NewJob read_job(std::string_view line, const EnqueueOptions& defaults, TimePoint now);

/// A JSON number of seconds, or a string such as "10m".
[[nodiscard]] Duration duration_of(std::string_view json, std::string_view what);
/// "unlimited", or as `duration_of` a JSON string.
[[nodiscard]] Duration retention_of(std::string_view text);

/// The next line without its end. False: there is none. Error: it is longer than 16 MiB, more than any params may be.
bool next_line(std::istream& in, std::string& line);

/// Without the white space of JSON around it.
[[nodiscard]] std::string_view trimmed(std::string_view text);

/// The place in the batch that an error of Client::enqueue_many names ("job 3 of 1000: ..."), from 0, and the rest of
/// the message; empty when it names none.
[[nodiscard]] std::optional<std::pair<std::size_t, std::string>> place_of(std::string_view message);

}  // namespace sqlq::tool
