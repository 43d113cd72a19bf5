#include "bench/dist/record.hpp"

#include "common/atomic_file.hpp"

namespace fvattn::bench::dist {

void Record::set(const std::string& key, host::Json value) {
  if (!is_root_) return;
  json_[key] = std::move(value);
  save();
}

void Record::add(const std::string& key, host::Json value) {
  if (!is_root_) return;
  json_[key].push_back(std::move(value));
  save();
}

void Record::save() {
  if (file_.empty()) return;
  const std::string text = json_.dump(2, ' ', false, host::Json::error_handler_t::replace) + "\n";
  if (Status status = host::write_file(file_, text); !status.ok() && trouble_.ok()) trouble_ = status;
}

}  // namespace fvattn::bench::dist
