#include <csignal>
#include <iostream>

#include <sqlq/sqlq.hpp>

struct SendEmail {
  static constexpr std::string_view kind = "send-email";  // the typename in Go
  std::string to;
  NLOHMANN_DEFINE_TYPE_INTRUSIVE_WITH_DEFAULT(SendEmail, to)
};

int main(int argc, char** argv) {
  auto db = sqlq::open(argc > 1 ? argv[1] : "sqlite://mail.db");
  db.migrate();  // schema.Apply

  sqlq::Client client{db};
  client.enqueue(SendEmail{"ada@example.org"}, {.queue = "mail", .priority = 1});

  sqlq::Handlers handlers;
  std::stop_source enough;  // this program ends after one mail; a service waits for SignalStop, below
  handlers.on<SendEmail>([&](const SendEmail& mail, sqlq::JobContext& job) {
    job.log().info("sending");
    std::cout << "mail to " << mail.to << '\n';
    job.set_result(nlohmann::json{{"sent", true}});
    enough.request_stop();
  });

  sqlq::Worker worker{db, handlers, {.queues = {"mail"}, .concurrency = 8}};
  worker.run(enough.get_token());  // a service: worker.run(sqlq::SignalStop{SIGINT, SIGTERM}.token());
}
