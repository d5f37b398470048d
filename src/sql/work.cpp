#include "sql/work.hpp"

#include "sql/job_row.hpp"

namespace sqlq::sql {

std::optional<std::int64_t> Work::wall() const { return now_ ? std::optional(us(now_->wall)) : std::nullopt; }
std::optional<std::int64_t> Work::steady() const { return now_ ? std::optional(us(now_->steady)) : std::nullopt; }

void Work::begin() {
  if (begun_ || own_ == nullptr) return;
  own_->begin();
  begun_ = true;
}

void Work::begin_anew() {
  own_->rollback();
  own_->begin();
}

}  // namespace sqlq::sql
