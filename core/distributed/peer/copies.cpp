#include "copies.hpp"

namespace fvattn::peer {
namespace {

// Rows that touch on both sides are one run.
Copy2D joined(Copy2D copy) {
  if (copy.height == 1 || (copy.source_pitch == copy.width && copy.target_pitch == copy.width)) {
    copy.width *= copy.height;
    copy.height = 1;
    copy.source_pitch = copy.target_pitch = copy.width;
  }
  return copy;
}

}  // namespace

std::vector<Copy2D> copies_of(const Job& job) {
  std::vector<Copy2D> copies;
  if (job.batches * job.rows * job.bytes == 0) return copies;
  if (job.rows == 1)
    return {joined({job.source, job.target, job.source_batch, job.target_batch, job.bytes, job.batches})};
  if (job.batches == 1 ||
      (job.source_batch == job.rows * job.source_row && job.target_batch == job.rows * job.target_row))
    return {joined({job.source, job.target, job.source_row, job.target_row, job.bytes, job.batches * job.rows})};
  // Batches of one run each are the rows of one rectangle.
  if (job.source_row == job.bytes && job.target_row == job.bytes)
    return {joined({job.source, job.target, job.source_batch, job.target_batch, job.rows * job.bytes, job.batches})};
  for (int64_t b = 0; b < job.batches; ++b)
    copies.push_back({job.source + b * job.source_batch, job.target + b * job.target_batch, job.source_row, job.target_row,
                      job.bytes, job.rows});
  return copies;
}

std::vector<Copy2D> copies_of(const Push& push) {
  std::vector<Copy2D> all;
  const int count = push.peers == 0 ? 0 : push.end[push.peers - 1];
  for (int j = 0; j < count; ++j)
    for (const Copy2D& copy : copies_of(push.jobs[j])) all.push_back(copy);
  return all;
}

}  // namespace fvattn::peer
