#include "oracle.hpp"

#include <algorithm>
#include <map>
#include <numeric>

namespace vmoba_test {
namespace {

struct Entry {
  double gate;
  size_t index;  // in [chunks, heads, places]
  bool own;
};

void choose(std::vector<Entry> domain, size_t pairs, int chunks, const OracleInput& rule, std::vector<bool>& chosen) {
  const auto best_first = [](std::vector<Entry>& list) {
    std::stable_sort(list.begin(), list.end(), [](const Entry& a, const Entry& b) { return a.gate > b.gate; });
  };
  for (const Entry& e : domain) chosen[e.index] = e.own;
  if (rule.mode == "topk") {
    for (Entry& e : domain) e.gate += e.own ? 1e9 : 0;
    best_first(domain);
    const size_t quota = static_cast<size_t>(std::min<int64_t>(rule.topk, chunks)) * pairs;
    for (size_t i = 0; i < quota; ++i) chosen[domain[i].index] = true;
    return;
  }
  double least = domain[0].gate, most = least, total = 0, own = 0;
  for (const Entry& e : domain) least = std::min(least, e.gate), most = std::max(most, e.gate);
  const auto norm = [&](double gate) { return (gate - least) / (most - least <= 1e-6 ? 1 : most - least); };
  for (const Entry& e : domain) total += norm(e.gate), own += e.own ? norm(e.gate) : 0;
  const double remain = std::max(0.0, rule.threshold - own / (total + 1e-6));
  std::erase_if(domain, [](const Entry& e) { return e.own; });
  best_first(domain);
  double sum = 0;
  for (const Entry& e : domain) {
    chosen[e.index] = true;
    sum += norm(e.gate);
    if (rule.threshold < 1 && sum / (total + 1e-6) >= remain) return;
  }
}

}  // namespace

std::vector<bool> select_by_gates(const std::vector<double>& gates, const std::vector<int>& own_of_place, int chunks,
                                  int heads, const OracleInput& rule) {
  const size_t places = own_of_place.size();
  std::map<std::vector<size_t>, std::vector<Entry>> domains;
  for (size_t c = 0; c < static_cast<size_t>(chunks); ++c)
    for (size_t h = 0; h < static_cast<size_t>(heads); ++h)
      for (size_t n = 0; n < places; ++n) {
        std::vector<size_t> domain;
        if (rule.type == "query_head") domain = {h, n};
        if (rule.type == "block") domain = {c};
        if (rule.type == "head_global") domain = {h};
        const size_t index = (c * static_cast<size_t>(heads) + h) * places + n;
        domains[domain].push_back({gates[index], index, own_of_place[n] == static_cast<int>(c)});
      }
  const size_t pairs = rule.type == "query_head"    ? 1
                       : rule.type == "head_global" ? places
                                                    : places * static_cast<size_t>(heads);
  std::vector<bool> chosen(gates.size());
  for (const auto& [name, domain] : domains) choose(domain, pairs, chunks, rule, chosen);
  return chosen;
}

std::vector<bool> select(const OracleInput& in) {
  const size_t rows = in.chunk.size();
  const int chunks = *std::max_element(in.chunk.begin(), in.chunk.end()) + 1;
  std::vector<size_t> row_of(rows);
  std::iota(row_of.begin(), row_of.end(), size_t{0});
  std::stable_sort(row_of.begin(), row_of.end(), [&](size_t a, size_t b) { return in.chunk[a] < in.chunk[b]; });
  std::vector<int> own(rows);
  for (size_t place = 0; place < rows; ++place) own[place] = in.chunk[row_of[place]];
  std::vector<double> gates;
  for (int c = 0; c < chunks; ++c)
    for (int h = 0; h < in.heads; ++h) {
      std::vector<double> mean(static_cast<size_t>(in.head_dim));
      const double count = static_cast<double>(std::count(in.chunk.begin(), in.chunk.end(), c));
      for (size_t d = 0; d < mean.size(); ++d) {
        const size_t head = static_cast<size_t>(h / (in.heads / in.kv_heads));
        for (size_t row = 0; row < rows; ++row)
          if (in.chunk[row] == c) mean[d] += in.k[(row * static_cast<size_t>(in.kv_heads) + head) * mean.size() + d];
        mean[d] = static_cast<float>(mean[d] / count);
      }
      for (size_t place = 0; place < rows; ++place) {
        const size_t row = row_of[place] * static_cast<size_t>(in.heads) + static_cast<size_t>(h);
        const double* q = in.q.data() + row * mean.size();
        gates.push_back(static_cast<float>(std::inner_product(mean.begin(), mean.end(), q, 0.0)));
      }
    }
  const std::vector<bool> chosen = select_by_gates(gates, own, chunks, in.heads, in);
  std::vector<bool> by_row(chosen.size());
  for (size_t c = 0; c < static_cast<size_t>(chunks); ++c)
    for (size_t h = 0; h < static_cast<size_t>(in.heads); ++h)
      for (size_t place = 0; place < rows; ++place)
        by_row[(h * rows + row_of[place]) * static_cast<size_t>(chunks) + c] =
            chosen[(c * static_cast<size_t>(in.heads) + h) * rows + place];
  return by_row;
}

}  // namespace vmoba_test
