// The way to libfvattn_nccl.so: libfvattn.so needs neither CUDA nor NCCL.
#include "entry.hpp"

#include <dlfcn.h>

#include <filesystem>

namespace fvattn {
namespace {

using nccl::Entry;

Status trouble(std::string what, const char* why, std::string hint = {}) {
  return Status::error(Code::unavailable, std::move(what), why != nullptr ? why : "", {}, std::move(hint));
}

// Only from this library's own folder: no search path decides what code runs.
Result<const Entry*> find_entry() {
  Dl_info own{};
  if (dladdr(reinterpret_cast<const void*>(&make_nccl_communicator), &own) == 0 || own.dli_fname == nullptr)
    return trouble("the folder of libfvattn.so is not known", nullptr);
  std::error_code ignored;
  const auto library = std::filesystem::absolute(own.dli_fname, ignored).parent_path() / nccl::kLibrary;
  if (!std::filesystem::exists(library, ignored))
    return trouble("this build of fvattn has no NCCL transport", nccl::kLibrary,
                   "build it with -DFVATTN_CUDA=ON where nccl.h is found");
  void* handle = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (handle == nullptr) return trouble("the NCCL transport cannot be loaded", dlerror());
  const auto get = reinterpret_cast<nccl::GetEntry>(dlsym(handle, nccl::kEntry));
  if (get == nullptr) return trouble(library.string() + " is not of this version of fvattn", dlerror(), "install both anew");
  return get();
}

const Result<const Entry*>& entry() {
  static const auto* found = new Result<const Entry*>(find_entry());
  return *found;
}

}  // namespace

Status nccl_support(int device) { return entry() ? (*entry())->support(device) : entry().status(); }

Result<NcclVersions> nccl_versions() {
  if (!entry()) return entry().status();
  return (*entry())->versions();
}

Result<std::shared_ptr<Communicator>> make_nccl_communicator(std::shared_ptr<Communicator> bootstrap,
                                                             const NcclOptions& options) {
  // All or none: ranks without the library say so, and the others do not wait for them.
  Contract mine;
  mine.failure = nccl_support(options.device);
  if (const auto all = bootstrap->agree(mine); !all) return all.status();
  return (*entry())->make(std::move(bootstrap), options);
}

}  // namespace fvattn
