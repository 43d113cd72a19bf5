#include "plugin_backend.hpp"

#include "plugin_call.hpp"
#include "plugin_impl.hpp"
#include "plugin_metadata.hpp"
#include "plugin_options.hpp"
#include "plugin_refusals.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <iterator>

namespace fvattn {
namespace {

// The plugin's answer, none of its numbers believed.
Support support_from(const fvattn_support& c, const fvattn_note* notes, uint32_t capacity) {
  Support support;
  support.supported = c.supported != 0 && c.reasons == 0;
  support.score = std::isfinite(c.score) ? std::clamp(c.score, 0.0, 1.0) : 0.0;
  support.est_us = std::isfinite(c.est_us) ? std::max(c.est_us, 0.0) : 0.0;
  support.reasons = c.reasons;
  for (uint32_t i = 0; i < std::min(c.n_notes, capacity); ++i) {
    const char* text = notes[i].text;
    support.notes.push_back(
        {notes[i].reason, printable({text, strnlen(text, sizeof(notes[i].text))}, sizeof(notes[i].text))});
    if (!support.supported) support.reasons |= notes[i].reason;
  }
  if (!support.supported && support.reasons == 0 && support.notes.empty()) {
    support.reasons = FVATTN_R_VENDOR;
    support.notes.push_back({FVATTN_R_VENDOR, "the plugin refuses and gives no reason"});
  }
  return support;
}

}  // namespace

PluginBackend::PluginBackend(BackendTable table, std::shared_ptr<PluginSession> session)
    : table_(std::move(table)), session_(std::move(session)), qualified_name_(session_->id + "/" + table_.name) {}

Result<Support> PluginBackend::query(const Device& device, const Problem& problem, const KeyValues& metadata) const {
  if (session_->quarantined()) return session_->quarantine_status(qualified_name_);
  KeyValues completed;
  Problem askable = problem;
  Support refusal = refuse_beforehand(*this, askable, metadata, completed);
  Result<Support> answer = ask(device, askable, completed);
  if (refusal.notes.empty()) return answer;
  // All reasons belong into one message; a plugin that cannot even answer adds none.
  if (answer && !answer->supported) {
    refusal.reasons |= answer->reasons;
    std::move(answer->notes.begin(), answer->notes.end(), std::back_inserter(refusal.notes));
  }
  return refusal;
}

Result<Support> PluginBackend::ask(const Device& device, const Problem& problem, const KeyValues& completed) const {
  const PackedKeyValues packed_values(completed);
  const PackedProblem packed(problem, packed_values.c());
  constexpr uint32_t kNotes = 16;
  fvattn_note notes[kNotes];
  for (fvattn_note& note : notes) note.reason = 0, note.text[0] = '\0';
  fvattn_support answer{};
  answer.size = sizeof(answer);
  answer.notes = notes;
  answer.cap_notes = kNotes;
  const Status status =
      call_plugin(*session_, qualified_name_, "query", table_.c.query, table_.c.ctx, &device.c, &packed.c(), &answer);
  if (!status.ok()) return status;
  return support_from(answer, notes, kNotes);
}

Result<std::unique_ptr<AttentionImpl>> PluginBackend::make_impl(const Device& device, const Problem& nominal,
                                                                std::string_view prefix, const KeyValues& options) const {
  Result<KeyValues> completed = complete_options(table_.options, options, session_->environment().get(), qualified_name_);
  if (!completed) return completed.status();
  auto impl = std::make_unique<PluginImpl>(*this, std::string(prefix));
  if (Status status = impl->create(device, nominal, *completed); !status.ok()) return status;
  return std::unique_ptr<AttentionImpl>(std::move(impl));
}

std::unique_ptr<AttentionMetadataBuilder> PluginBackend::make_builder(const Device& device) const {
  return std::make_unique<PluginMetadataBuilder>(*this, device);
}

}  // namespace fvattn
