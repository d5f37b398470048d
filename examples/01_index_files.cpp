/// 01: index a folder. One job per file counts its bytes, lines and words; several executors share the work.
///
///     01_index_files [URL] [DIR] [--concurrency N] [--no-timing]
///
/// Kill it at any moment, even with -9, and start it again with the same URL: it finishes the rest. A file that was
/// done is not done again, unless it has changed since.
///
/// How that works: each folder has a queue of its own, and the id of a file's job is computed from the queue and the
/// file's path, size and modification time. Enqueueing an id that is there already changes nothing, so the program
/// simply enqueues everything each time it starts. What was running when it was killed is taken back when its lease has
/// ended, here after 5 seconds.

#include <cstdlib>
#include <iomanip>
#include <iostream>
#include <map>

#include <sqlq/sqlq.hpp>

#include "01_files.hpp"

using namespace std::chrono_literals;

// ------------------------------------------------------------------------------------------------ the job

/// Its parameters.
struct IndexFile : FoundFile {
  static constexpr std::string_view kind = "index-file";
  NLOHMANN_DEFINE_TYPE_INTRUSIVE_WITH_DEFAULT(IndexFile, path, size, modified)
};

/// Its result.
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Counts, bytes, lines, words, checksum)

/// Its handler, called from many threads at once.
sqlq::Outcome index_file(const IndexFile& file, sqlq::JobContext& job) {
  try {
    job.set_result(count_file(percent_decode(file.path), job.stop_token()));  // stored together with the success
    return sqlq::Outcome::done();
  } catch (const std::exception& e) {
    if (job.stop_token().stop_requested()) throw;  // ctrl-C: the next run does it
    return sqlq::discard(e.what());                // unreadable now means unreadable in a minute: no retry
  }
}

/// Its id: the same for the same version of a file in the same queue, in every run and every process. Without the queue
/// a folder inside of another would lack the files that the other has brought in. A UUID of version 8.
sqlq::JobId id_of(const std::string& queue, const IndexFile& file) {
  const std::string text = queue + ' ' + sqlq::codec<IndexFile>::encode(file);
  const std::uint64_t high = Checksum{}.add(text).value();
  const std::uint64_t low = Checksum{~std::uint64_t{0}}.add(text).value();
  std::array<std::uint8_t, 16> bytes{};
  for (std::size_t i = 0; i < 8; ++i) {
    bytes[i] = static_cast<std::uint8_t>(high >> (56 - 8 * i));
    bytes[8 + i] = static_cast<std::uint8_t>(low >> (56 - 8 * i));
  }
  bytes[6] = static_cast<std::uint8_t>(0x80u | (bytes[6] & 0x0fu));
  bytes[8] = static_cast<std::uint8_t>(0x80u | (bytes[8] & 0x3fu));
  return sqlq::JobId(bytes);
}

// ------------------------------------------------------------------------------------------------ the queue

/// Batches of 1000 jobs, each batch in one transaction. Returns how many were new.
std::size_t enqueue(sqlq::Client& client, const std::string& queue, const std::vector<IndexFile>& files) {
  std::size_t inserted = 0;
  std::vector<sqlq::NewJob> batch;
  for (const IndexFile& file : files) {
    batch.push_back({std::string(IndexFile::kind),
                     sqlq::codec<IndexFile>::encode(file),
                     {.queue = queue,
                      .max_attempts = 1000,  // to be killed is not the file's fault
                      .max_crashes = 1000,
                      .keepalive = 5s,
                      .retention = 30 * 24h,  // the results are the index: keep them
                      .id = id_of(queue, file)}});
    if (batch.size() < 1000 && &file != &files.back()) continue;
    for (const sqlq::Enqueued& job : client.enqueue_many(batch)) inserted += job.inserted() ? 1 : 0;
    batch.clear();
  }
  return inserted;
}

/// How many jobs are not finished.
std::uint64_t count_open(const sqlq::Admin& admin, const std::string& queue) {
  std::uint64_t open = 0;
  for (const auto& [state, count] : admin.counts(queue, 1'000'000)) open += sqlq::is_finished(state) ? 0 : count.value;
  return open;
}

/// Works until every job of the queue is finished, those of a killed run included. Returns false on ctrl-C.
bool work(const sqlq::Database& db, const std::string& queue, unsigned concurrency, std::uint64_t todo) {
  sqlq::Handlers handlers;
  handlers.on<IndexFile>(index_file, {.retry = sqlq::RetryPolicy::constant(0s)});
  sqlq::Worker worker{db,
                      handlers,
                      {.queues = {queue},
                       .concurrency = concurrency,
                       .sweep = 1s,             // look each second for leases that have ended
                       .drain_timeout = 0s}};  // on ctrl-C do not wait for large files
  const sqlq::SignalStop interrupt{SIGINT, SIGTERM};
  const sqlq::Admin admin{db};
  const auto tick = db.clock().make_signal();
  Progress progress{todo};
  worker.start();
  std::uint64_t open = todo;
  while (open > 0 && !interrupt.token().stop_requested()) {
    progress.show(todo - std::min(open, todo));
    tick->wait_until(db.clock().steady() + 50ms);
    open = count_open(admin, queue);
  }
  worker.stop();
  return open == 0;
}

// ------------------------------------------------------------------------------------------------ the report

struct Index {
  std::vector<std::pair<std::string, Counts>> files;
  std::vector<std::string> failures;
};

/// Reads the results, page by page.
Index read_index(const sqlq::Admin& admin, const std::string& queue, const std::string& root,
                 const std::vector<IndexFile>& files) {
  std::map<sqlq::JobId, std::string> names;
  for (const IndexFile& file : files) {
    const auto name = std::filesystem::path(percent_decode(file.path)).lexically_relative(root);
    names.emplace(id_of(queue, file), percent_encode(name.string()));
  }
  Index index;
  sqlq::Page page{.limit = 1000};
  for (bool more = true; more;) {
    const std::vector<sqlq::Job> jobs = admin.list({.queues = {queue}}, page);
    for (const sqlq::Job& job : jobs) {
      const auto name = names.find(job.id);
      if (name == names.end()) continue;  // an older version of a file
      if (job.state == sqlq::JobState::success) {
        index.files.emplace_back(name->second, sqlq::codec<Counts>::decode(job.result));
      } else {
        const auto history = admin.history(job.id);
        index.failures.push_back(name->second + ": " + (history.empty() ? "not done" : history.back().message));
      }
    }
    more = jobs.size() == page.limit;
    if (more) page.before = jobs.back().id;
  }
  std::sort(index.failures.begin(), index.failures.end());
  std::sort(index.files.begin(), index.files.end(), [](const auto& a, const auto& b) {
    return a.second.bytes != b.second.bytes ? a.second.bytes > b.second.bytes : a.first < b.first;
  });
  return index;
}

void print(const Index& index) {
  Counts total;
  for (const auto& [name, counts] : index.files) {
    total.bytes += counts.bytes;
    total.lines += counts.lines;
    total.words += counts.words;
  }
  const auto line = [](const char* what, std::uint64_t n) {
    std::cout << std::left << std::setw(10) << what << std::right << std::setw(14) << n << '\n';
  };
  line("files", index.files.size());
  line("bytes", total.bytes);
  line("lines", total.lines);
  line("words", total.words);
  line("failures", index.failures.size());
  for (const std::string& failure : index.failures) std::cout << "  " << failure << '\n';

  std::cout << "\n     bytes    lines    words  checksum          ten largest files\n";
  for (std::size_t i = 0; i < std::min<std::size_t>(10, index.files.size()); ++i) {
    const auto& [name, counts] = index.files[i];
    std::cout << std::setw(10) << counts.bytes << std::setw(9) << counts.lines << std::setw(9) << counts.words << "  "
              << counts.checksum << "  " << name << '\n';
  }
}

// ------------------------------------------------------------------------------------------------ main

struct Options {
  std::string url = "sqlite://index.db";
  std::string dir = ".";
  unsigned concurrency = 4;
  bool timing = true;
};

Options parse(const std::vector<std::string>& args) {
  Options options;
  std::vector<std::string*> places{&options.dir, &options.url};
  for (std::size_t i = 0; i < args.size(); ++i) {
    if (args[i] == "--no-timing") {
      options.timing = false;
    } else if (args[i] == "--concurrency" && i + 1 < args.size()) {
      options.concurrency = static_cast<unsigned>(std::clamp(std::atoi(args[++i].c_str()), 1, 1000));
    } else if (!places.empty() && !args[i].starts_with("--")) {
      *places.back() = args[i];
      places.pop_back();
    } else {
      throw std::invalid_argument("usage: 01_index_files [URL] [DIR] [--concurrency N] [--no-timing]");
    }
  }
  return options;
}

int main(int argc, char** argv) try {
  const Options options = parse({argv + 1, argv + argc});
  const std::string root = std::filesystem::canonical(options.dir).string();
  const sqlq::Database db = sqlq::open(options.url);
  db.migrate();
  sqlq::Client client{db};
  const sqlq::Admin admin{db};

  const std::string queue = "index-" + Checksum{}.add(root).hex();  // runs on different folders do not meet
  std::vector<IndexFile> files;
  for (FoundFile& file : find_files(root, file_named_by(options.url))) {
    files.push_back({std::move(file)});
  }
  const std::size_t inserted = enqueue(client, queue, files);
  const std::uint64_t todo = count_open(admin, queue);
  std::cout << files.size() << " files: " << inserted << " new, " << files.size() - inserted << " known from before; "
            << todo << " to do" << std::endl;

  const auto begin = db.clock().steady();
  if (todo > 0 && !work(db, queue, options.concurrency, todo)) {
    std::cout << "interrupted; start it again to finish the rest\n";
    return EXIT_FAILURE;
  }
  const double seconds = std::chrono::duration<double>(db.clock().steady() - begin).count();
  std::cout << '\n';
  print(read_index(admin, queue, root, files));
  if (options.timing && todo > 0) {
    std::cout << '\n'
              << todo << " files in " << std::fixed << std::setprecision(2) << seconds << " s: " << std::setprecision(0)
              << static_cast<double>(todo) / seconds << " files/s with " << options.concurrency << " executors\n";
  }
  return EXIT_SUCCESS;
} catch (const std::exception& e) {
  std::cerr << "error: " << e.what() << '\n';
  return EXIT_FAILURE;
}
