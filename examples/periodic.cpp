#include <iostream>
#include <sqlq/sqlq.hpp>

struct Cleanup {
  static constexpr std::string_view kind = "cleanup";
  int days = 30;
  NLOHMANN_DEFINE_TYPE_INTRUSIVE_WITH_DEFAULT(Cleanup, days)
};

int main(int argc, char** argv) {
  auto db = sqlq::open(argc > 1 ? argv[1] : "sqlite://periodic.db");
  db.migrate();

  sqlq::Schedules schedules{db};
  schedules.sync({  // at each start of the program: adds what is new, changes what differs
      {.name = "nightly", .rule = "30 2 * * *", .zone = "Europe/Berlin",
       .job = sqlq::job(Cleanup{90}, {.queue = "maintenance"})},
  });
  schedules.run_now("nightly");  // only so that this program need not wait for the night

  std::stop_source enough;       // a service waits for sqlq::SignalStop{SIGINT, SIGTERM}.token()
  sqlq::Handlers handlers;
  handlers.on<Cleanup>([&](const Cleanup& cleanup) {
    std::cout << "deleting what is older than " << cleanup.days << " days\n";
    enough.request_stop();
  });
  sqlq::Worker{db, handlers}.run(enough.get_token());
}
