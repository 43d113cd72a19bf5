// From q and k to the chunks of each query.
#pragma once

#include "../chunks/partition.hpp"

namespace vmoba {

class Gates;

/// Row i of a (batch entry, head) attends chunk c when bit c % 32 of
/// bits[((batch * heads + head) * q_len + i) * limits.words() + c / 32] is set. Every word is written.
/// Runs on the host's threads; the same bits for every number of them.
class Selection {
 public:
  /// Takes its memory from `workspace`: the same with a measuring one.
  Selection(const fvattn_problem& p, const Config& config, const Limits& limits, fvattn::plugin::Workspace& workspace);

  void run(const fvattn::plugin::Call& call, const Partition& partition, std::uint32_t* bits) const;

 private:
  std::uint32_t* row_words(std::uint32_t* bits, int batch, int head, int row) const {
    return bits + ((std::int64_t{batch} * problem_.heads + head) * problem_.q_len + row) * words_;
  }
  void run_rows(const Gates& gates, const Partition& partition, const Sequence& sequence, std::uint32_t* bits) const;
  void run_domains(const Gates& gates, const Partition& partition, const Sequence& sequence, std::uint32_t* bits) const;

  const fvattn_problem& problem_;
  Rule rule_;
  int words_;
  double* means_;
  float* store_ = nullptr;
};

}  // namespace vmoba
