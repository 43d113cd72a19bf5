// Selection straight from its definition: every entry in one list, sorted. Shares no code with the plugin.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace vmoba_test {

/// chunk[row] of the rows of a sequence, counted from 0; the order of places is by chunk, then by row.
struct OracleInput {
  std::vector<int> chunk;
  int heads, kv_heads, head_dim;
  std::vector<double> q, k;  // [rows, heads or kv_heads, head_dim]
  std::string mode, type;
  double threshold;
  int64_t topk;
};

/// [heads, rows, chunks]: attended, the own chunk included.
std::vector<bool> select(const OracleInput& in);
/// The same from given gates [chunks, heads, places].
std::vector<bool> select_by_gates(const std::vector<double>& gates, const std::vector<int>& own_of_place, int chunks,
                                  int heads, const OracleInput& rule);

}  // namespace vmoba_test
