// The record of every step, and the log lines that go with it.
#pragma once

#include <fvattn/registry.hpp>

#include <string>
#include <vector>

namespace fvattn {

/// Not thread-safe; the registry's lock guards it.
class Trace {
 public:
  void ok(std::string path, std::string stage, std::string reason);
  void note(std::string path, std::string stage, std::string reason, std::string rule = {}, std::string hint = {});
  void refused(std::string path, std::string stage, std::string reason, std::string rule = {}, std::string hint = {});

  const std::vector<TraceEntry>& entries() const { return entries_; }

 private:
  void add(TraceEntry entry);
  std::vector<TraceEntry> entries_;
};

const char* to_string(TraceEntry::Verdict verdict);
/// "refused  elf       /path: reason [FVP-1]; hint"
std::string format_entry(const TraceEntry& entry);

}  // namespace fvattn
