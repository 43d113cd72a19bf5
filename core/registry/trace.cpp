#include "trace.hpp"

#include "error_buffer.hpp"

#include <fvattn/log.hpp>

#include <algorithm>

namespace fvattn {
namespace {

constexpr size_t kMostShown = 4096;  // a file's name is a stranger's text, too

std::string padded(std::string text, size_t width) {
  text.resize(std::max(text.size(), width), ' ');
  return text;
}

LogLevel level_of(TraceEntry::Verdict verdict) {
  switch (verdict) {
    case TraceEntry::Verdict::ok:
      return LogLevel::debug;
    case TraceEntry::Verdict::note:
      return LogLevel::info;
    case TraceEntry::Verdict::refused:
      break;
  }
  return LogLevel::warn;
}

const char* topic_of(const std::string& stage) {
  if (stage == "search" || stage == "trust") return "search";
  return stage == "manifest" || stage == "elf" ? "manifest" : "load";
}

}  // namespace

const char* to_string(TraceEntry::Verdict verdict) {
  switch (verdict) {
    case TraceEntry::Verdict::ok:
      return "ok";
    case TraceEntry::Verdict::note:
      return "note";
    case TraceEntry::Verdict::refused:
      break;
  }
  return "refused";
}

void Trace::add(TraceEntry entry) {
  log(level_of(entry.verdict), topic_of(entry.stage), format_entry(entry));
  entries_.push_back(std::move(entry));
}

void Trace::ok(std::string path, std::string stage, std::string reason) {
  add({std::move(path), std::move(stage), TraceEntry::Verdict::ok, std::move(reason), {}, {}});
}

void Trace::note(std::string path, std::string stage, std::string reason, std::string rule, std::string hint) {
  add({std::move(path), std::move(stage), TraceEntry::Verdict::note, std::move(reason), std::move(rule), std::move(hint)});
}

void Trace::refused(std::string path, std::string stage, std::string reason, std::string rule, std::string hint) {
  add({std::move(path), std::move(stage), TraceEntry::Verdict::refused, std::move(reason), std::move(rule),
       std::move(hint)});
}

std::string format_entry(const TraceEntry& entry) {
  std::string line = padded(to_string(entry.verdict), 8) + padded(entry.stage, 9) + entry.path;
  if (!entry.reason.empty()) line += (entry.path.empty() ? "" : ": ") + entry.reason;
  if (!entry.rule.empty()) line += " [" + entry.rule + "]";
  if (!entry.hint.empty()) line += "; " + entry.hint;
  return printable(line, kMostShown);
}

std::string format_trace(const std::vector<TraceEntry>& trace) {
  std::string text;
  for (const TraceEntry& entry : trace) text += format_entry(entry) + "\n";
  return text;
}

}  // namespace fvattn
