// What a user of the installed library compiles first.

#include <iostream>

#include <sqlq/sqlite.hpp>
#include <sqlq/sqlq.hpp>

struct Greet {
  static constexpr std::string_view kind = "greet";
  std::string whom;
  NLOHMANN_DEFINE_TYPE_INTRUSIVE_WITH_DEFAULT(Greet, whom)
};

int main() try {
  const auto db = sqlq::open("sqlite::memory:");
  db.migrate();
  sqlq::Client client{db};
  client.enqueue(Greet{"hello from a job"}, {.queue = "post"});
  const auto job = client.claim_one("post");
  if (!job) return 1;
  std::cout << sqlq::codec<Greet>::decode(job->params).whom << '\n';
  return sqlq::accepted(client.success(*job)) ? 0 : 1;
} catch (const std::exception& e) {
  std::cerr << e.what() << '\n';
  return 1;
}
