#include <iostream>
#include <sqlq/sqlq.hpp>

struct Greet {  // a job is a struct with a kind
  static constexpr std::string_view kind = "greet";
  std::string name;
  NLOHMANN_DEFINE_TYPE_INTRUSIVE_WITH_DEFAULT(Greet, name)
};

int main(int argc, char** argv) {
  auto db = sqlq::open(argc > 1 ? argv[1] : "sqlite://jobs.db");  // or postgresql://..., mysql://...
  db.migrate();                            // makes or updates the tables; safe from every process
  sqlq::Client{db}.enqueue(Greet{"Ada"});  // when this returns, the job survives any crash

  std::stop_source enough;                 // a service waits for sqlq::SignalStop{SIGINT, SIGTERM}.token()
  sqlq::Handlers handlers;
  handlers.on<Greet>([&](const Greet& greet) {
    std::cout << "Hello, " << greet.name << '\n';
    enough.request_stop();
  });
  sqlq::Worker{db, handlers}.run(enough.get_token());
}
