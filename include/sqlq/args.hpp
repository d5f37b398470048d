#pragma once
/// \file
/// Typed jobs: what a C++ type needs to be the parameters of a job.
///
///     struct SendEmail {
///       static constexpr std::string_view kind = "send-email";   // stored in the row: never rename it
///       std::string to, subject;
///       NLOHMANN_DEFINE_TYPE_INTRUSIVE_WITH_DEFAULT(SendEmail, to, subject)
///     };
///
/// The kind is written in one place and used at both ends. Renaming the C++ type does not orphan queued rows. Use the
/// WITH_DEFAULT macro for types that outlive a release: a field added later must not break jobs already queued.
///
/// How a value becomes text is a `codec<T>`. `<sqlq/json.hpp>` supplies one for every type nlohmann::json can convert;
/// specialise `codec` for others. The text must be JSON.

#include <concepts>
#include <string>
#include <string_view>

namespace sqlq {

/// `static std::string encode(const T&)` makes JSON text; `static T decode(std::string_view)` reads it and throws
/// anything on text it cannot read (the job then fails like any other attempt). Both must be thread-safe.
template <class T>
struct codec;

/// Types that have a codec.
template <class T>
concept Encodable = requires(const T& value, std::string_view text) {
  { codec<T>::encode(value) } -> std::convertible_to<std::string>;
  { codec<T>::decode(text) } -> std::same_as<T>;
};

/// Types that can be enqueued and handled: encodable, with a constant `kind`.
template <class T>
concept JobArgs = Encodable<T> && requires {
  { T::kind } -> std::convertible_to<std::string_view>;
};

}  // namespace sqlq
