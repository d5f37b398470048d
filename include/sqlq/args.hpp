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
#include <type_traits>

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

/// Types with a name: a static member `kind`.
template <class T>
concept Named = requires {
  { T::kind } -> std::convertible_to<std::string_view>;
  requires !std::is_member_pointer_v<decltype(&T::kind)>;
};

/// Types that can be enqueued and handled: encodable, with a constant `kind`.
template <class T>
concept JobArgs = Encodable<T> && Named<T>;

/// Asserts that `T` can be a job and says in words what is missing. Calls that take a job type use it.
template <class T>
consteval bool check_job_type() {
  constexpr bool may_be = std::is_class_v<T> || std::is_union_v<T>;
  static_assert(may_be, "sqlq: this is no job: a job is a value of a struct that has a kind; kind and JSON text "
                        "without such a struct are enqueued as  sqlq::NewJob{\"kind\", \"{}\"}");
  static_assert(!may_be || Named<T>,
                "sqlq: this type is no job: it needs a name, as in  static constexpr std::string_view kind = \"...\";");
  static_assert(!may_be || Encodable<T> || std::is_default_constructible_v<T>,
                "sqlq: a job needs a default constructor, so that it can be read from JSON");
  static_assert(!may_be || Encodable<T> || !std::is_default_constructible_v<T>,
                "sqlq: a job needs a JSON conversion: include <sqlq/json.hpp> and write, inside the type, "
                "NLOHMANN_DEFINE_TYPE_INTRUSIVE_WITH_DEFAULT(Type, members...), or specialise sqlq::codec<Type>; each "
                "member must have a conversion, too");
  return JobArgs<T>;
}

/// A type that cannot be a job: calls that take one explain why not.
template <class T>
concept NoJobArgs = !JobArgs<T>;

}  // namespace sqlq
