#include <algorithm>
#include <iterator>
#include <map>
#include <numeric>
#include <set>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "arrays.hpp"
#include "core/gate.hpp"
#include "errors.hpp"
#include "holders.hpp"
#include "server.hpp"
#include "probe.hpp"
#include "sql/job_row.hpp"

namespace sqlq::postgres {
namespace {

/// One statement takes at most so much; longer batches are several in one transaction.
constexpr std::size_t most_items = 10'000;
constexpr std::size_t most_bytes = std::size_t{32} << 20;

/// What the jobs of a batch have in common.
auto shape_of(const backend::EnqueueItem& item) {
  return std::tuple(item.queue, item.kind, item.priority, item.max_attempts, item.max_crashes, item.keepalive,
                    item.timeout, item.retention, item.run_at, item.delay);
}
using Shape = decltype(shape_of({}));

/// The columns of a batch.
class Columns {
 public:
  /// `with_headers`: some may have headers.
  explicit Columns(bool with_headers) : with_headers_(with_headers) {}
  /// `rank`: the how manyth of the batch it is for its caller, or the number in the insertion order that it gets.
  void add(const backend::EnqueueItem& item, std::int64_t rank) {
    shapes_.add(place_of(item));
    ranks_.add(rank);
    ids_.add(item.id);
    keys_.add(item.unique_key);
    params_.add(item.params);
    if (!with_headers_) return;
    headers_.add(item.headers.empty() ? std::nullopt : std::optional(item.headers));
    flags_.add(item.key.empty() ? std::int64_t{0} : std::int64_t{core::gated_flag});
  }

  /// Inserts all or, when an id is there already, none. An index of somebody else's is an Errc::refused.
  bool insert_all(const sql::Work& work, const Queries& q) {
    try {
      const auto no_rows = [](const sql::Row&) {};
      if (with_headers_) {
        insert(work, q.job_insert_headers, no_rows, sql::Arg("headers", headers_.view()),
               sql::Arg("flags", flags_.view()));
      } else {
        insert(work, q.job_insert, no_rows);
      }
      return true;
    } catch (const Error& e) {
      if (e.native_code() != native_code(unique_violation) || e.code() == Errc::refused) throw;
      return false;
    }
  }

  /// Inserts what is new. Returns the ids of those, with their unique keys. `numbered`: the ranks are numbers in the
  /// insertion order.
  std::unordered_map<JobId, std::string> insert_new(const sql::Work& work, const Queries& q, bool numbered) {
    std::unordered_map<JobId, std::string> inserted;
    const auto take_note = [&](const sql::Row& row) {
      sql::Fields f(row);
      const auto id = JobId::parse(f.text()).value_or(JobId{});
      inserted.emplace(id, f.maybe_text());
    };
    const sql::Arg keys("unique_keys", keys_.view());
    const sql::Arg ranks("ranks", ranks_.view());
    const sql::Arg are_numbers("numbered", std::int64_t{numbered});
    if (with_headers_) {
      insert(work, q.job_insert_new_headers, take_note, keys, ranks, are_numbers,
             sql::Arg("headers", headers_.view()), sql::Arg("flags", flags_.view()));
    } else {
      insert(work, q.job_insert_new, take_note, keys, ranks, are_numbers);
    }
    return inserted;
  }

 private:
  static constexpr std::string_view unique_violation = "23505";

  /// `more`: what only this statement takes.
  template <class... More>
  void insert(const sql::Work& work, const sql::Statement& statement, sql::RowSink sink, const More&... more) {
    work.session().execute(statement,
                           {{"queues", queues_.view()},
                            {"kinds", kinds_.view()},
                            {"now", work.wall()},
                            {"run_ats", run_ats_.view()},
                            {"delays", delays_.view()},
                            {"priorities", priorities_.view()},
                            {"max_attempts", max_attempts_.view()},
                            {"max_crashes", max_crashes_.view()},
                            {"keepalives", keepalives_.view()},
                            {"timeouts", timeouts_.view()},
                            {"retentions", retentions_.view()},
                            {"ids", ids_.view()},
                            {"shapes", shapes_.view()},
                            {"params", params_.view()},
                            more...},
                           sink);
  }

  std::int64_t place_of(const backend::EnqueueItem& item) {
    const Shape shape = shape_of(item);
    if (last_ != places_.end() && last_->first == shape) return last_->second;  // usually they all are alike
    const auto next = static_cast<std::int64_t>(places_.size()) + 1;
    bool isnew = false;
    std::tie(last_, isnew) = places_.try_emplace(shape, next);
    if (isnew) add_shape(item);
    return last_->second;
  }

  void add_shape(const backend::EnqueueItem& item) {
    queues_.add(item.queue);
    kinds_.add(item.kind);
    run_ats_.add(item.run_at ? std::optional(sql::us(*item.run_at)) : std::nullopt);
    delays_.add(item.run_at ? std::int64_t{0} : std::int64_t{item.delay.count()});
    priorities_.add(std::int64_t{item.priority});
    max_attempts_.add(std::int64_t{item.max_attempts});
    max_crashes_.add(std::int64_t{item.max_crashes});
    keepalives_.add(std::int64_t{item.keepalive.count()});
    timeouts_.add(std::int64_t{item.timeout.count()});
    retentions_.add(item.retention ? std::int64_t{item.retention->count()} : std::int64_t{-1});
  }

  std::map<Shape, std::int64_t> places_;
  std::map<Shape, std::int64_t>::const_iterator last_ = places_.end();
  // of each shape
  Array queues_{Of::text}, kinds_{Of::text}, run_ats_{Of::bigint}, delays_{Of::bigint}, priorities_{Of::integer},
      max_attempts_{Of::integer}, max_crashes_{Of::integer}, keepalives_{Of::bigint}, timeouts_{Of::bigint},
      retentions_{Of::bigint};
  // of each job
  Array ids_{Of::uuid}, shapes_{Of::integer}, keys_{Of::text}, ranks_{Of::bigint}, params_{Of::text},
      headers_{Of::text}, flags_{Of::smallint};
  const bool with_headers_;
};

/// The cast that fails in enqueue.sql when a transaction's snapshot may be older than the lane.
constexpr std::string_view bad_cast = "22P02";

using Numbers = std::vector<std::size_t>;

/// One batch on its way into the table.
class Insertion {
 public:
  Insertion(sql::Work& work, const Queries& q, std::span<const backend::EnqueueItem> items)
      : work_(work), q_(q), items_(items), answers_(items.size()) {
    keys_ = std::ranges::any_of(items, [](const auto& item) { return item.unique_key.has_value(); });
    headers_ = std::ranges::any_of(items, [](const auto& item) { return !item.headers.empty(); });
    contested_ = keys_ || std::ranges::any_of(items, [](const auto& item) { return !item.fresh_id; });
  }

  /// One statement needs no transaction. Several are one: all or nothing; and the jobs that it has stored are known
  /// before it commits, so that another try can tell them from those that were there (sql/server_dialect.cpp).
  std::vector<Enqueued> run() {
    Numbers open(items_.size());
    std::iota(open.begin(), open.end(), std::size_t{0});
    const bool one_of_ours = items_.size() == 1 && items_.front().fresh_id;
    if ((contested_ && !one_of_ours) || chunk_from(open, 0) < open.size()) work_.begin();
    if (contested_) sort(open);
    for (int round = 0; round < most_inserts; ++round) {
      const Numbers left = insert(open);
      if (left.empty()) return std::move(answers_);
      if (work_.begun()) {
        work_.begin_anew();  // to lock more now would be out of order
      } else {
        open = left;
        sort(open);
      }
    }
    throw refused_by_foreign_index(q_.job_insert_new);
  }

 private:
  /// The order in which all batches lock what others may be storing, too.
  void sort(Numbers& numbers) const {
    std::ranges::sort(numbers, {}, [this](std::size_t i) {
      const auto& item = items_[i];
      return std::tuple(item.unique_key, item.unique_key ? JobId{} : item.id, i);  // of equals the first one wins
    });
  }

  /// One statement takes at most so many; returns where the next one begins.
  [[nodiscard]] std::size_t chunk_from(const Numbers& numbers, std::size_t begin) const {
    std::size_t bytes = 0;
    std::size_t end = begin;
    while (end < numbers.size() && end - begin < most_items && (end == begin || bytes < most_bytes)) {
      const auto& item = items_[numbers[end++]];
      bytes += item.params.size() + item.headers.size();
    }
    return end;
  }

  /// Returns those that were passed over though nobody is in their way.
  Numbers insert(const Numbers& open) {
    std::vector<std::int64_t> places;  // in the insertion order, of all items; empty: as a statement finds them
    Numbers left;
    for (std::size_t begin = 0; begin < open.size();) {
      const std::size_t end = chunk_from(open, begin);
      if (contested_ && end < open.size() && places.empty()) places = draw();
      const std::span<const std::size_t> chunk(open.data() + begin, end - begin);
      const PassedOver refused = insert(Numbers(chunk.begin(), chunk.end()), places);
      std::ranges::copy(refused.find_holders(work_, q_, [this](std::size_t i, JobId job) { answer_existing(i, job); }),
                        std::back_inserter(left));
      begin = end;
    }
    return left;
  }

  /// Inserts the items with these numbers.
  PassedOver insert(const Numbers& numbers, const std::vector<std::int64_t>& places) {
    Columns columns(headers_);
    const std::vector<std::int64_t> ranks = places.empty() ? ranks_of(numbers) : std::vector<std::int64_t>{};
    for (std::size_t n = 0; n < numbers.size(); ++n) {
      columns.add(items_[numbers[n]], places.empty() ? ranks[n] : places[numbers[n]]);
    }
    // A transaction in which a statement has failed stays broken.
    if (!keys_ && !work_.borrowed() && !work_.begun() && columns.insert_all(work_, q_)) {
      for (const std::size_t i : numbers) answers_[i] = {.id = items_[i].id, .status = EnqueueStatus::inserted};
      return {};
    }
    return match(numbers, insert_new(columns, !places.empty()));
  }

  /// The how manyth each is in the order of their numbers.
  static std::vector<std::int64_t> ranks_of(const Numbers& numbers) {
    Numbers in_order = numbers;
    std::ranges::sort(in_order);
    std::vector<std::int64_t> ranks;
    ranks.reserve(numbers.size());
    for (const std::size_t i : numbers) {
      ranks.push_back(std::ranges::lower_bound(in_order, i) - in_order.begin() + 1);
    }
    return ranks;
  }

  std::vector<std::int64_t> draw() {
    std::vector<std::int64_t> places;
    places.reserve(items_.size());
    work_.session().execute(q_.seqs_draw, {{"n", static_cast<std::int64_t>(items_.size())}},
                            [&](const sql::Row& row) { places.push_back(row.integer(0)); });
    std::ranges::sort(places);
    return places;
  }

  std::unordered_map<JobId, std::string> insert_new(Columns& columns, bool numbered) {
    try {
      return columns.insert_new(work_, q_, numbered);
    } catch (const Error& e) {
      if (e.native_code() != native_code(bad_cast)) throw;
      throw Error(Errc::retry_transaction,
                  "PostgreSQL: the snapshot of the transaction is older than the job's queue or kind; roll it back and "
                  "run it again",
                  "postgres", e.native_code(), q_.job_insert_new.name);
    }
  }

  PassedOver match(const Numbers& numbers, std::unordered_map<JobId, std::string> inserted) {
    PassedOver refused;
    for (const std::size_t i : numbers) {
      const auto& item = items_[i];
      const auto at = inserted.find(item.id);
      const bool mine = at != inserted.end() && at->second == item.unique_key.value_or(std::string_view{});
      if (mine) {
        answers_[i] = {.id = item.id, .status = EnqueueStatus::inserted};
        inserted.erase(at);
      } else {
        refused.add(i, item.id, item.unique_key);
      }
    }
    return refused;
  }

  void answer_existing(std::size_t i, JobId holder) {
    const bool by_id = holder == items_[i].id;
    answers_[i] = {.id = holder, .status = by_id ? EnqueueStatus::existing_id : EnqueueStatus::existing_key};
  }

  sql::Work& work_;
  const Queries& q_;
  std::span<const backend::EnqueueItem> items_;
  std::vector<Enqueued> answers_;
  bool keys_ = false;
  bool headers_ = false;    ///< of any of them
  bool contested_ = false;  ///< others may be storing some of them, or of their keys
};

}  // namespace

void PgServer::make_lanes(sql::Work& work, std::span<const sql::LaneName> lanes) {
  Array queues(Of::text);
  Array kinds(Of::text);
  for (const auto& lane : lanes) {
    queues.add(lane.queue);
    kinds.add(lane.kind);
  }
  work.session().execute(q_.queue_make, {{"names", queues.view()}, {"now", work.wall()}});
  work.session().execute(q_.lane_make, {{"queues", queues.view()}, {"kinds", kinds.view()}});
}

std::vector<Enqueued> PgServer::enqueue(sql::Work& work, std::span<const backend::EnqueueItem> items) {
  return Insertion(work, q_, items).run();
}

std::vector<CancelStatus> PgServer::cancel(sql::Work& work, std::span<const JobId> ids) {
  Array list = array_of(Of::uuid, std::set<JobId>(ids.begin(), ids.end()));
  std::unordered_map<JobId, CancelStatus> asked;
  work.session().execute(q_.cancel, {{"ids", list.view()}, {"now", work.wall()}}, [&](const sql::Row& row) {
    const auto was = static_cast<JobState>(row.integer(1));
    const bool held = was == JobState::running || was == JobState::cancelling;
    asked.emplace(JobId::parse(row.text(0)).value_or(JobId{}),
                  held ? CancelStatus::cancelling : CancelStatus::cancelled);
  });
  const auto others = probe_others(work, q_, ids, asked);
  std::vector<CancelStatus> answers;
  answers.reserve(ids.size());
  for (const JobId id : ids) {
    if (const auto at = asked.find(id); at != asked.end()) {
      answers.push_back(at->second);
      if (at->second == CancelStatus::cancelled) at->second = CancelStatus::finished;  // should the id come again
      continue;
    }
    const auto other = others.find(id);
    answers.push_back(other == others.end()                               ? CancelStatus::not_found
                      : other->second.state == JobState::cancelling ? CancelStatus::cancelling
                                                                          : CancelStatus::finished);
  }
  return answers;
}

std::vector<RequeueStatus> PgServer::requeue(sql::Work& work, std::span<const JobId> ids) {
  std::vector<JobId> once;
  std::set<JobId> seen;
  for (const JobId id : ids) {
    if (seen.insert(id).second) once.push_back(id);
  }
  Array list = array_of(Of::uuid, once);
  std::unordered_map<JobId, RequeueStatus> back;
  work.session().execute(q_.requeue, {{"ids", list.view()}, {"now", work.wall()}}, [&](const sql::Row& row) {
    back.emplace(JobId::parse(row.text(0)).value_or(JobId{}), RequeueStatus::requeued);
  });
  const auto others = probe_others(work, q_, ids, back);
  std::vector<RequeueStatus> answers;
  answers.reserve(ids.size());
  for (const JobId id : ids) {
    if (const auto at = back.find(id); at != back.end()) {
      answers.push_back(std::exchange(at->second, RequeueStatus::not_finished));  // should the id come again
      continue;
    }
    const auto other = others.find(id);
    answers.push_back(other == others.end()               ? RequeueStatus::not_found
                      : is_finished(other->second.state) ? RequeueStatus::duplicate
                                                          : RequeueStatus::not_finished);
  }
  return answers;
}

}  // namespace sqlq::postgres
