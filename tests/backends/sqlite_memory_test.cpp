// Threads that share the writer and a memory that is used up: nobody may wait for ever.

#include <atomic>
#include <cstdlib>
#include <limits>
#include <new>
#include <thread>
#include <vector>

#include "backends/sqlite_scratch.hpp"
#include "readers.hpp"
#include "sql/catalogue.hpp"
#include "support/expect_error.hpp"
#include "writer.hpp"

namespace {

constexpr std::size_t unlimited = std::numeric_limits<std::size_t>::max();
thread_local std::size_t allocations_left = unlimited;

}  // namespace

void* operator new(std::size_t size) {
  if (allocations_left == 0) throw std::bad_alloc();
  if (allocations_left != unlimited) --allocations_left;
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {  // else the sanitizers' own would be freed by us
  if (allocations_left == 0) return nullptr;
  if (allocations_left != unlimited) --allocations_left;
  return std::malloc(size == 0 ? 1 : size);
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace sqlq::sqlite {
namespace {

const sql::Catalogue few(R"(
-- name: make
CREATE TABLE t (x INTEGER PRIMARY KEY)
-- name: add
-- params: x int
INSERT INTO t VALUES (:x)
)");

class SqliteMemory : public Scratch {
 protected:
  SqliteMemory() {
    options_.path = path();
    options_.full_sync = false;
  }
  Options options_{};
};

TEST_F(SqliteMemory, WhoLeadsWithoutAnyLeavesNobodyWaiting) {
  Writer writer(options_);
  writer.write([](sql::Session& s) { s.execute(few["make"]); });
  int x = 0;
  for (std::size_t left = 0; left < 12; ++left) {
    std::vector<std::thread> threads;
    std::atomic<int> answered{0};
    // Begins a thread that waits for the writer behind those that do already.
    const auto wait_for_turn = [&](std::size_t memory) {
      const std::size_t before = writer.waiting();
      const auto write = [&writer, &answered, x = ++x, memory] {
        const Writer::Work work = [x](sql::Session& s) { s.execute(few["add"], {{"x", x}}); };
        allocations_left = memory;
        try {
          writer.write(work);
        } catch (const std::bad_alloc&) {  // whoever leads does the work of all, and says what there was no memory for
        }
        allocations_left = unlimited;
        ++answered;
      };
      threads.emplace_back(write);
      while (writer.waiting() == before) std::this_thread::yield();
    };
    writer.exclusive([&](Connection&) {
      wait_for_turn(left);
      for (int i = 0; i < 3; ++i) wait_for_turn(unlimited);
    });
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(answered, 4) << "with memory for " << left;
    writer.write([&](sql::Session& s) { s.execute(few["add"], {{"x", ++x}}); });
  }
}

TEST_F(SqliteMemory, WhoReadsWaitsForAConnectionNoLongerThanForALock) {
  options_.readers = 1;
  options_.busy_timeout = std::chrono::milliseconds(20);
  const Writer writer(options_);
  Readers readers(options_, writer.connection());
  bool inside = false;
  readers.read([&](sql::Session&) {
    testing::expect_error(Errc::busy, "option 'readers'", [&] { readers.read([](sql::Session&) {}); });
    inside = true;
  });
  EXPECT_TRUE(inside);
  readers.read([](sql::Session&) {});
}

}  // namespace
}  // namespace sqlq::sqlite
