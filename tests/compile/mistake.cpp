// What people get wrong first, and a part of what the compiler must say. Number 0 is right.

#include <list>

#include <sqlq/sqlq.hpp>

struct Mail {
  static constexpr std::string_view kind = "mail";
  std::string to;
  NLOHMANN_DEFINE_TYPE_INTRUSIVE_WITH_DEFAULT(Mail, to)
};

struct Nameless {
  std::string to;
  NLOHMANN_DEFINE_TYPE_INTRUSIVE_WITH_DEFAULT(Nameless, to)
};

struct Member {
  std::string kind;
  NLOHMANN_DEFINE_TYPE_INTRUSIVE_WITH_DEFAULT(Member, kind)
};

struct Mute {
  static constexpr std::string_view kind = "mute";
  std::string to;
};

struct Undefaulted {
  static constexpr std::string_view kind = "undefaulted";
  explicit Undefaulted(int n) : number(n) {}
  int number;
};

struct Native;

void mistake(sqlq::Client& client, sqlq::Handlers& handlers, soci::session& session, Native* native) {
#if SQLQ_MISTAKE == 0  // nothing
  client.enqueue(sqlq::borrow(session), Mail{"ada"});
  client.enqueue(sqlq::NewJob{"mail"});
  client.enqueue({"mail", "{}"});
  client.enqueue_row({"mail", "{}"});
  client.enqueue_row(sqlq::borrow(session), Mail{"ada"}, {.priority = 1});
  client.enqueue_many(std::vector<sqlq::NewJob>(2));
  client.enqueue_many(sqlq::borrow(session), std::list<Mail>(2));
  client.enqueue_many({Mail{"ada"}, Mail{"bob"}});
  handlers.on("untyped", [](sqlq::JobContext&) {}, {.timeout = std::chrono::seconds(1)});
  client.enqueue(Mail{"ada"}, sqlq::EnqueueOptions{.priority = 1});
  handlers.on<Mail>([](const Mail&, sqlq::JobContext&) {});
  handlers.on<Mail>([&session](const Mail& mail, sqlq::JobContext& job) {
    auto charge = job.step("charge", [&] { return mail; });
    job.step(sqlq::borrow(session), "book", [&] { charge.to.clear(); });
    job.sleep("cool-off", std::chrono::hours(24));
    auto approval = job.wait<Mail>("approved", std::chrono::days(7));
    auto parts = job.all("parts", std::vector<Mail>(2));
    for (int i = 0; i < 2; ++i) job.step("row", i, [&] { return std::string("JSON of it"); });
    if (job.since("new-tax-rule")) job.set_result(approval.value_or(sqlq::result_of<Mail>(parts.front())));
  });
  client.signal(sqlq::JobId{}, "approved", Mail{"ada"});
  client.signal(sqlq::borrow(session), sqlq::JobId{}, "approved", true, sqlq::SignalMode::append);
  client.signal(sqlq::JobId{}, "approved", R"({"as": "text"})");
#elif SQLQ_MISTAKE == 1  // this type is no job: it needs a name
  client.enqueue(Nameless{"ada"});
#elif SQLQ_MISTAKE == 2  // this type is no job: it needs a name
  client.enqueue(Member{"ada"});
#elif SQLQ_MISTAKE == 3  // a job needs a JSON conversion
  client.enqueue(Mute{"ada"});
#elif SQLQ_MISTAKE == 4  // a job needs a default constructor
  client.enqueue(Undefaulted{1});
#elif SQLQ_MISTAKE == 5  // a handler takes the job first and then the context
  handlers.on<Mail>([](sqlq::JobContext&, const Mail&) {});
#elif SQLQ_MISTAKE == 6  // this handler is `mutable`
  handlers.on<Mail>([n = 0](const Mail&) mutable { ++n; });
#elif SQLQ_MISTAKE == 7  // not by a reference that could change it
  handlers.on<Mail>([](Mail&) {});
#elif SQLQ_MISTAKE == 8  // a handler returns nothing or a sqlq::Outcome
  handlers.on<Mail>([](const Mail&) { return 42; });
#elif SQLQ_MISTAKE == 9  // a handler takes (const Job&, sqlq::JobContext&)
  handlers.on<Mail>([](int, double) {});
#elif SQLQ_MISTAKE == 10  // this type is no job: it needs a name
  handlers.on<Nameless>([](const Nameless&) {});
#elif SQLQ_MISTAKE == 11  // prio
  client.enqueue(Mail{"ada"}, sqlq::EnqueueOptions{.prio = 1});
#elif SQLQ_MISTAKE == 12  // this handler is `mutable`
  handlers.on("mail", [n = 0](sqlq::JobContext&) mutable { ++n; });
#elif SQLQ_MISTAKE == 13  // an untyped handler takes (sqlq::JobContext&)
  handlers.on("mail", [](const Mail&) {});
#elif SQLQ_MISTAKE == 14  // a handler is registered for a type of jobs
  handlers.on([](const Mail&) {});
#elif SQLQ_MISTAKE == 15  // a handler is registered for a type of jobs
  handlers.on([](sqlq::JobContext&) {}, sqlq::HandlerOptions{});
#elif SQLQ_MISTAKE == 16  // this is no job: a job is a value of a struct that has a kind
  client.enqueue("hello");
#elif SQLQ_MISTAKE == 17  // this is no job: a job is a value of a struct that has a kind
  client.enqueue_many(std::vector<int>{1, 2});
#elif SQLQ_MISTAKE == 18  // this type is no job: it needs a name
  client.enqueue_many(sqlq::borrow(session), std::vector<Nameless>(2));
#elif SQLQ_MISTAKE == 19  // many NewJob are enqueued from a std::vector
  client.enqueue_many(std::list<sqlq::NewJob>(2));
#elif SQLQ_MISTAKE == 20  // Duration
  client.enqueue(Mail{"ada"}, sqlq::EnqueueOptions{.delay = 5});
#elif SQLQ_MISTAKE == 21  // include the header of its backend
  client.enqueue(sqlq::borrow(native), Mail{"ada"});
#elif SQLQ_MISTAKE == 22  // this is no job: a job is a value of a struct that has a kind
  client.enqueue(sqlq::borrow(session), 42);
#elif SQLQ_MISTAKE == 23  // what a step returns is recorded as JSON
  handlers.on("mail", [](sqlq::JobContext& job) { job.step("mute", [] { return Mute{"ada"}; }); });
#elif SQLQ_MISTAKE == 24  // a batch handler takes (std::span<const Job>, sqlq::BatchContext&) or
  handlers.batch<Mail>({}, [](const std::vector<Mail>&) {});
#elif SQLQ_MISTAKE == 25  // a batch handler returns nothing or a std::vector<sqlq::Outcome>
  handlers.batch<Mail>({}, [](std::span<const Mail>) { return sqlq::Outcome::done(); });
#elif SQLQ_MISTAKE == 26  // this batch handler is `mutable`, but it runs on many threads at once
  handlers.batch<Mail>({}, [n = 0](std::span<const Mail>) mutable { ++n; });
#elif SQLQ_MISTAKE == 27  // an untyped batch handler takes (sqlq::BatchContext&)
  handlers.batch("mail", {}, [](std::span<const Mail>) {});
#endif
  static_cast<void>(session);
  static_cast<void>(native);
  static_cast<void>(client);
  static_cast<void>(handlers);
}
