// Searching: which folders, which files, which of them count.
#include "registry_state.hpp"

#include <fvattn/log.hpp>

#include <algorithm>
#include <filesystem>
#include <map>

namespace fvattn {

void Registry::State::ensure_searched() {
  if (!searched) search();
}

void Registry::State::set_policy() {
  std::string complaint;
  const TrustPolicy wanted = TrustPolicy::from(*environment, complaint);
  if (!complaint.empty()) trace.refused({}, "trust", complaint, "FVH-5");
  const TrustPolicy tight = searched ? policy.tightened(wanted) : wanted;
  if (tight != wanted)
    trace.note({}, "trust",
               std::string("trust is only tightened while a process runs: ") + tight.name() + " stays in force instead of " +
                   wanted.name());
  policy = tight;
}

std::vector<Candidate> Registry::State::list_candidates() {
  path = make_search_path(*environment, FixedFolders::installed());
  for (const std::string& complaint : path.complaints) trace.note({}, "search", complaint, {}, "give absolute paths");
  std::vector<Candidate> candidates;
  if (path.exclusive) {
    trace.ok({}, "search", std::string("only the files of ") + env::kPluginFiles);
    for (const std::string& file : path.files) candidates.push_back(candidate_of_file(file));
    return candidates;
  }
  for (const SearchFolder& folder : path.folders) {
    FolderContent content = list_folder(folder);
    if (content.missing)
      trace.ok(folder.path, "search", "not there (" + folder.source + ")");
    else if (!content.trouble.empty())
      trace.note(folder.path, "search", "cannot be read: " + content.trouble, "FVH-5");
    else
      trace.ok(folder.path, "search", std::to_string(content.candidates.size()) + " candidates (" + folder.source + ")");
    std::move(content.candidates.begin(), content.candidates.end(), std::back_inserter(candidates));
  }
  return candidates;
}

void Registry::State::apply_filter_and_shadow(std::vector<std::shared_ptr<PluginRecord>>& list, const IdFilter& filter) {
  std::map<std::string, const PluginRecord*> first;
  for (const auto& record : list) {
    PluginInfo& info = record->info;
    const bool loaded = record->session != nullptr;
    if (!loaded && (info.state == PluginState::refused || info.state == PluginState::disabled)) continue;
    // What was loaded or registered earlier may be disabled now, or enabled again.
    if (std::string why = loaded ? filter.why_not(info.id) : std::string(); !why.empty()) {
      info.state = PluginState::disabled;
      info.reason = std::move(why);
      continue;
    }
    const auto [winner, is_first] = first.emplace(info.id, record.get());
    if (is_first) {
      info.state = loaded ? PluginState::loaded : PluginState::found;
      info.reason.clear();
      continue;
    }
    const std::string other = winner->second->info.path.empty() ? "the application's own" : winner->second->info.path;
    const std::string reason = "the id " + info.id + " was found earlier: " + other;
    if (info.state == PluginState::shadowed && info.reason == reason) continue;  // told already
    info.state = PluginState::shadowed;
    info.reason = reason;
    const bool odd = std::filesystem::path(info.path).parent_path() == std::filesystem::path(other).parent_path();
    if (odd)
      trace.refused(info.path, "register", info.reason, "FVH-5", "two plugins in one folder have this id; give one another");
    else
      trace.note(info.path, "register", info.reason, "FVH-5", "the first in the search order is used");
  }
}

void Registry::State::search() {
  search_start = trace.entries().size();
  set_policy();
  const IdFilter filter(*environment);
  std::vector<std::shared_ptr<PluginRecord>> found, former;
  for (const auto& record : records) {
    // The application's come first; what was loaded from a file stays, in its new place or at the end.
    if (record->from_api())
      found.push_back(record);
    else if (record->session != nullptr)
      former.push_back(record);
    if (record->session != nullptr) record->session->set_environment(environment);
  }
  for (const Candidate& candidate : list_candidates()) {
    // A manifest that names a library of an unusual name speaks for it.
    const auto is_mine = [&](const auto& record) { return record->info.path == candidate.library; };
    if (candidate.sidecar.empty() && std::any_of(found.begin(), found.end(), is_mine)) continue;
    Inspection inspection = inspect(candidate, policy, filter, trace);
    const auto same = std::find_if(former.begin(), former.end(),
                                   [&](const auto& record) { return record->info.path == inspection.info.path; });
    if (same != former.end()) {
      (*same)->info.source = inspection.info.source;
      if (!same_file((*same)->library, inspection.library))
        trace.note(inspection.info.path, "search", "the file changed, but the library that was loaded stays in use", "FVH-2",
                   "start the process again");
      found.push_back(*same);
      former.erase(same);
      continue;
    }
    auto record = std::make_shared<PluginRecord>();
    record->info = std::move(inspection.info);
    record->elf = std::move(inspection.elf);
    record->library = inspection.library;
    found.push_back(std::move(record));
  }
  found.insert(found.end(), former.begin(), former.end());
  apply_filter_and_shadow(found, filter);
  records = std::move(found);
  searched = true;
  ++generation;

  if (environment->get(env::kPluginEager) != "1") return;
  ActivationContext context = activation();
  for (const auto& record : records)
    if (record->info.state == PluginState::found && !activate(*record, context).ok()) ++generation;
}

Status Registry::State::add(fvattn_plugin_entry_fn entry) {
  if (entry == nullptr) return Status::error(Code::invalid_argument, "a plugin's entry function is needed", "nullptr");
  auto record = std::make_shared<PluginRecord>();
  record->info.source = "api";
  if (!searched) set_policy();
  ActivationContext context = activation();
  if (Status status = register_entry(*record, entry, context); !status.ok()) return status;
  const auto twin = std::find_if(records.begin(), records.end(),
                                 [&](const auto& other) { return other->from_api() && other->info.id == record->info.id; });
  if (twin != records.end())
    return Status::error(Code::invalid_argument, "the application has registered a plugin with this id already",
                         record->info.id, "an id of its own");
  const auto behind = std::find_if(records.begin(), records.end(), [](const auto& other) { return !other->from_api(); });
  records.insert(behind, std::move(record));
  apply_filter_and_shadow(records, IdFilter(*environment));
  ++generation;
  return {};
}

}  // namespace fvattn
