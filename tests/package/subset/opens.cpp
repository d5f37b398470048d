// Says which URLs this program opens, and runs a job in the harness where it can.
//
//   opens [--soci]        --soci: what lending a soci::session says where sqlq was built without SOCI

#include <cstring>
#include <iostream>
#include <string>

#include <sqlq/sqlq.hpp>
#include <sqlq/testing/harness.hpp>

namespace {

struct Greet {
  static constexpr std::string_view kind = "greet";
  std::string whom;
  NLOHMANN_DEFINE_TYPE_INTRUSIVE_WITH_DEFAULT(Greet, whom)
};

bool opens(const std::string& url) {
  try {
    static_cast<void>(sqlq::open(url));
  } catch (const sqlq::Error& e) {
    return std::strstr(e.what(), "no backend opens") == nullptr;
  }
  return true;
}

}  // namespace

int main(int argc, char**) try {
  if (argc > 1) {
    const auto db = sqlq::open("sqlite::memory:");
    db.migrate();
    char nothing = 0;
    sqlq::Client{db}.enqueue(sqlq::borrow(reinterpret_cast<soci::session&>(nothing)), Greet{"nobody"});
    return 1;
  }
  std::cout << "opens:";
  if (opens("sqlite::memory:")) std::cout << " sqlite";
  if (opens("postgresql://nobody@127.0.0.1:1/none")) std::cout << " postgres";
  if (opens("mysql://nobody@127.0.0.1:1/none")) std::cout << " mysql";
  std::cout << '\n';
  if (!opens("sqlite::memory:")) return 0;
  sqlq::Handlers handlers;
  handlers.on<Greet>([](const Greet& greet) { std::cout << greet.whom << '\n'; });
  sqlq::testing::Harness q{"sqlite::memory:", std::move(handlers)};
  q.client().enqueue(Greet{"hello from a job"});
  return q.work_due() == 1 ? 0 : 1;
} catch (const sqlq::Error& e) {
  std::cerr << e.what() << '\n';
  return 1;
}
