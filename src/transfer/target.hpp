#pragma once
/// \file
/// Storing jobs in a database, and counting what becomes of them.

#include <span>

#include <sqlq/backend/dialect.hpp>
#include <sqlq/database.hpp>
#include <sqlq/transfer.hpp>

namespace sqlq::transfer {

/// A job was not stored: into the report, as long as it has room.
void add_problem(TransferReport& report, JobId id, std::string why);

/// One thread at a time. The database and the report must outlive it.
class Target {
 public:
  Target(const Database& db, TransferReport& report);
  /// Stores them all; one that the database refuses for good keeps no other from it. At most 1000.
  void store(std::span<backend::StoredJob> jobs);
  /// Makes the queue, or gives it these settings.
  void store(const Queue& queue);

 private:
  void count(std::span<const backend::StoredJob> jobs, std::span<const backend::StoreStatus> said);

  const Database& db_;
  backend::Transfer& part_;
  TransferReport& report_;
  bool works_ = false;  // something was stored
};

}  // namespace sqlq::transfer
