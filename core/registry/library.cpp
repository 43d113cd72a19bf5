#include "library.hpp"

#include "float_control.hpp"
#include "identifiers.hpp"

#include <fvattn/device.hpp>

#include <boost/dll/shared_library.hpp>

#include <dlfcn.h>
#include <map>
#include <mutex>

namespace fvattn {
namespace {

namespace dll = boost::dll;

/// Handles and verdicts. Leaked on purpose: the destructor of a handle would unload (FVH-2).
struct Loaded {
  dll::shared_library handle;
  struct stat status {};
  LoadedLibrary answer;
};
struct AllLoaded {
  std::mutex mutex;
  std::map<std::string, Loaded> by_path;

  static AllLoaded& get() {
    static auto* all = new AllLoaded;
    return *all;
  }
};

Status changed_file(const std::string& path) {
  return Status::error(Code::failed_precondition, "the file changed while it was being loaded", path, {},
                       "replace plugin files by renaming, and start the process again");
}

}  // namespace

LoadedLibrary load_library(const OpenFile& file, const std::string& path) {
  AllLoaded& all = AllLoaded::get();
  const std::lock_guard lock(all.mutex);
  if (const auto found = all.by_path.find(path); found != all.by_path.end()) {
    if (same_file(found->second.status, file.status())) return found->second.answer;
    return {nullptr,
            {Status::error(Code::failed_precondition, "another version of the file is loaded in this process", path, {},
                           "start the process again to use the new one"),
             "FVH-2"}};
  }

  // Lazy initialisation of CUDA under the loader's lock can deadlock.
  cuda_device_count();
  const FloatControlGuard floats;
  Loaded loaded;
  // Boost names no constant for NODELETE, but passes the bits through. The throwing form keeps dlerror's text.
  const auto mode = static_cast<dll::load_mode::type>(dll::load_mode::rtld_now | dll::load_mode::rtld_local | RTLD_NODELETE);
  try {
    loaded.handle.load(path, mode);
  } catch (const std::exception& error) {
    return {
        nullptr,
        {Status::error(Code::unavailable, std::string("the dynamic linker refuses it: ") + error.what(), {}, {},
                       "ldd -r shows what is missing; a plugin links everything it needs or declares it under [requires]"),
         "FVP-12"}};
  }
  loaded.status = file.status();
  Refusal& refusal = loaded.answer.refusal;
  if (floats.changed()) {
    refusal = {Status::error(Code::failed_precondition,
                             "loading it changed the floating-point control word of the process (flush to zero)",
                             "a library linked with -ffast-math or -Ofast", "one that is not",
                             "link without that option (compile single files with it, if at all)"),
               "FVP-6"};
  } else if (struct stat now{}; stat(path.c_str(), &now) != 0 || (path == file.path() && !same_file(now, file.status()))) {
    refusal = {changed_file(path), "FVH-5"};
  } else {
    try {
      loaded.answer.entry = &loaded.handle.get<const fvattn_plugin*(const fvattn_host*, fvattn_error*)>(kEntryPoint);
    } catch (const std::exception& error) {
      refusal = {
          Status::error(Code::invalid_argument, std::string("its entry point is not there: ") + error.what(), kEntryPoint),
          "FVP-1"};
    }
  }
  return all.by_path.emplace(path, std::move(loaded)).first->second.answer;
}

}  // namespace fvattn
