// What it costs one thread to hand each write to a writer thread instead of doing it itself (decision 0002).
//
//   g++ -O2 -std=c++20 bench/studies/writer_handoff.cpp -lsqlite3 -lpthread -o writer_handoff && ./writer_handoff FILE
//
// One insert and one commit per call, synchronous=normal, the two ways in turn.

#include <sqlite3.h>

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <thread>

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: writer_handoff FILE\n");
    return 2;
  }
  sqlite3* db = nullptr;
  if (sqlite3_open(argv[1], &db) != SQLITE_OK) return 1;
  sqlite3_exec(db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; CREATE TABLE IF NOT EXISTS t (x)", nullptr,
               nullptr, nullptr);
  sqlite3_stmt* statements[3] = {};
  const char* texts[3] = {"BEGIN IMMEDIATE", "INSERT INTO t VALUES (1)", "COMMIT"};
  for (int i = 0; i < 3; ++i) sqlite3_prepare_v2(db, texts[i], -1, &statements[i], nullptr);
  const auto write_one = [&] {
    for (sqlite3_stmt* s : statements) {
      sqlite3_step(s);
      sqlite3_reset(s);
    }
  };

  enum class Turn { nobody, writer, caller, stop } turn = Turn::nobody;
  std::mutex mutex;
  std::condition_variable wanted;
  std::condition_variable done;
  std::thread writer([&] {
    std::unique_lock lock(mutex);
    for (;;) {
      wanted.wait(lock, [&] { return turn == Turn::writer || turn == Turn::stop; });
      if (turn == Turn::stop) return;
      lock.unlock();
      write_one();
      lock.lock();
      turn = Turn::caller;
      done.notify_one();
    }
  });

  for (int round = 0; round < 6; ++round) {
    const bool direct = round % 2 == 0;
    constexpr int n = 20000;
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < n; ++i) {
      if (direct) {
        write_one();
        continue;
      }
      std::unique_lock lock(mutex);
      turn = Turn::writer;
      wanted.notify_one();
      done.wait(lock, [&] { return turn == Turn::caller; });
    }
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    std::printf("%-13s %7.0f writes/s  %5.1f us\n", direct ? "itself" : "writer thread", n / seconds,
                seconds / n * 1e6);
  }
  {
    const std::lock_guard lock(mutex);
    turn = Turn::stop;
  }
  wanted.notify_one();
  writer.join();
  for (sqlite3_stmt* s : statements) sqlite3_finalize(s);
  sqlite3_close(db);
}
