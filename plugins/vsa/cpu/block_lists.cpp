#include "block_lists.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

namespace vsa::cpu {

namespace {

BlockLists take_memory(const fvattn_problem& p, const Metadata& meta, plugin::Workspace& workspace) {
  const Needs needs(p, meta);
  BlockLists lists;
  if (!needs.lists) return lists;
  const int64_t rows = p.batch * p.heads * meta.blocks().count;
  lists.width = needs.width;
  lists.index = workspace.take<int>(rows * needs.width);
  lists.count = workspace.take<int>(rows);
  return lists;
}

}  // namespace

BlockLists BlockLists::take(const plugin::Call& call, plugin::Workspace& workspace) {
  const fvattn_tensor *index = call.find_saved("block_index"), *count = call.find_saved("block_count");
  if (!index || !count) return take_memory(call.problem(), *call.meta<Metadata>(), workspace);
  return {plugin::data<int>(*index), plugin::data<int>(*count), static_cast<int>(index->shape[3])};
}

void BlockLists::measure(const fvattn_problem& p, const Metadata& meta, plugin::Workspace& workspace) {
  take_memory(p, meta, workspace);
}

InverseBlocks InverseBlocks::take(const fvattn_problem& p, const Metadata& meta, plugin::Workspace& workspace) {
  const Needs needs(p, meta);
  if (!needs.lists) return {};
  const int64_t rows = p.batch * p.heads * meta.blocks().count;
  return {workspace.take<int>(rows * needs.width), workspace.take<long long>(rows + 1)};
}

void InverseBlocks::build(const fvattn_problem& p, int blocks, const BlockLists& lists) const {
  const int64_t heads = p.batch * p.heads;
  // The start of each head's part, then each head on its own.
  offsets[heads * blocks] = 0;
  long long total = 0;
  for (int64_t row = 0; row < heads * blocks; ++row) {
    if (row % blocks == 0) offsets[row] = total;
    total += lists.count[row];
  }
  offsets[heads * blocks] = total;
  plugin::parallel_for(heads, 1, [&](int64_t lo, int64_t hi) {
    std::vector<long long> next(static_cast<size_t>(blocks));
    for (int64_t head = lo; head < hi; ++head) {
      const int *index = lists.index + head * blocks * lists.width, *count = lists.count + head * blocks;
      std::fill(next.begin(), next.end(), 0);
      for (int64_t q = 0; q < blocks; ++q)
        for (int i = 0; i < count[q]; ++i) ++next[static_cast<size_t>(index[q * lists.width + i])];
      long long at = offsets[head * blocks];
      for (int kv = 0; kv < blocks; ++kv) {
        offsets[head * blocks + kv] = at;
        at += std::exchange(next[static_cast<size_t>(kv)], at);
      }
      for (int q = 0; q < blocks; ++q)
        for (int i = 0; i < count[q]; ++i)
          list[next[static_cast<size_t>(index[int64_t{q} * lists.width + i])]++] = q;
    }
  });
}

void read_given(const plugin::Call& call, int blocks, const BlockLists& lists) {
  const fvattn_tensor &index = call.in("block_index"), &count = call.in("block_count");
  const auto bad = [](const char* what, int b, int h, int q, int value, int most) {
    plugin::fail(FVATTN_INVALID_ARGUMENT, "%s %d at batch %d, head %d, query block %d; 0 to %d are accepted, none twice",
                 what, value, b, h, q, most);
  };
  const fvattn_problem& p = call.problem();
  for_each_block(p.batch, p.heads, blocks, [&](int b, int h, int q) {
    const int n = plugin::data<const int>(count)[b * count.strides[0] + h * count.strides[1] + q * count.strides[2]];
    if (n < 0 || n > lists.width) bad("block_count is", b, h, q, n, lists.width);
    const int64_t row = (int64_t{b} * p.heads + h) * blocks + q;
    int* list = lists.index + row * lists.width;
    const int* given =
        plugin::data<const int>(index) + b * index.strides[0] + h * index.strides[1] + q * index.strides[2];
    for (int i = 0; i < n; ++i) {
      list[i] = given[i * index.strides[3]];
      if (list[i] < 0 || list[i] >= blocks) bad("block_index has the key block", b, h, q, list[i], blocks - 1);
    }
    std::sort(list, list + n);
    if (const int* twice = std::adjacent_find(list, list + n); twice != list + n)
      bad("block_index has twice the key block", b, h, q, *twice, blocks - 1);
    lists.count[row] = n;
  });
}

template <class T>
void select_top(const T* scores, int n, int k, std::vector<int>& order, int* list) {
  order.resize(static_cast<size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  const auto rank = [&](int i) { return std::isnan(scores[i]) ? -std::numeric_limits<T>::infinity() : scores[i]; };
  if (k < n)
    std::nth_element(order.begin(), order.begin() + k, order.end(), [&](int a, int b) {
      const T x = rank(a), y = rank(b);
      return x != y ? x > y : a < b;
    });
  std::copy_n(order.begin(), k, list);
  std::sort(list, list + k);
}

template void select_top<float>(const float*, int, int, std::vector<int>&, int*);
template void select_top<double>(const double*, int, int, std::vector<int>&, int*);

}  // namespace vsa::cpu
