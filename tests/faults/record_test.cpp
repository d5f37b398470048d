// Records survive what their writers do not.

#include "record.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <iostream>
#include <stdexcept>

namespace sqlq::faults {
namespace {

class Records : public ::testing::Test {
 protected:
  Records() { std::filesystem::remove_all(folder_); }
  ~Records() override { std::filesystem::remove_all(folder_); }
  [[nodiscard]] std::filesystem::path file() const { return folder_ / std::to_string(::getpid()); }

  const std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("sqlq_records_" + std::to_string(::getpid()));
};

TEST_F(Records, AreReadOnceAndInOrder) {
  const Recorder recorder(folder_.string());
  RecordReader reader(folder_.string());
  EXPECT_TRUE(reader.more().empty());
  const auto before = steady_us();
  recorder.write(about(What::start, Id{1, 2, 3}, Code::poison, 7));
  recorder.write(about(What::end, Id{1, 2, 3}));
  const auto records = reader.more();
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0].what, What::start);
  EXPECT_EQ(records[0].code, Code::poison);
  EXPECT_EQ(records[0].value, 7u);
  EXPECT_EQ(records[0].id, (Id{1, 2, 3}));
  EXPECT_EQ(records[0].pid, ::getpid());
  EXPECT_GE(records[0].at_us, before);
  EXPECT_EQ(records[1].what, What::end);
  EXPECT_TRUE(reader.more().empty());
}

TEST_F(Records, ATornTailIsPassedOverAndDamageIsNot) {
  const Recorder recorder(folder_.string());
  recorder.write(about(What::start, Id{1}));
  recorder.write(about(What::end, Id{1}));
  std::filesystem::resize_file(file(), 2 * sizeof(Record) - 10);
  EXPECT_EQ(RecordReader(folder_.string()).more().size(), 1u);
  std::fstream(file(), std::ios::in | std::ios::out | std::ios::binary).seekp(20).put('x');
  EXPECT_THROW((void)RecordReader(folder_.string()).more(), std::runtime_error);
}

TEST_F(Records, CostLittle) {
  const Recorder recorder(folder_.string());
  constexpr int n = 20'000;
  const auto begin = steady_us();
  for (int i = 0; i < n; ++i) recorder.write(about(What::start, Id{1}));
  const auto each = static_cast<double>(steady_us() - begin) / n;
  std::cout << each << " us for each record\n";
  EXPECT_EQ(RecordReader(folder_.string()).more().size(), std::size_t{n});
  EXPECT_LT(each, 100) << "it slows what it watches";
}

TEST(Ids, AreReadAndWritten) {
  const Id id = parse_id("0190aBcd-ef01-7234-8567-89abcdef0123");
  EXPECT_EQ(to_string(id), "0190abcd-ef01-7234-8567-89abcdef0123");
  EXPECT_THROW((void)parse_id("0190"), std::runtime_error);
}

}  // namespace
}  // namespace sqlq::faults
