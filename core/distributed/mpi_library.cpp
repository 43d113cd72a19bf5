// The way to libfvattn_mpi.so: nobody who needs no MPI has to have it.
#include "mpi_library.hpp"

#include <fvattn/distributed/bootstrap.hpp>

#include <dlfcn.h>
#include <filesystem>

namespace fvattn {
namespace {

Status trouble(std::string what, const char* why, std::string hint) {
  return Status::error(Code::unavailable, std::move(what), why != nullptr ? why : "", {}, std::move(hint));
}

// Only from this library's own folder: no search path decides what code runs.
Result<MpiEntry> find_entry() {
  Dl_info own{};
  if (dladdr(reinterpret_cast<const void*>(&make_mpi_communicator), &own) == 0 || own.dli_fname == nullptr)
    return trouble("the folder of libfvattn.so is not known", nullptr, {});
  std::error_code ignored;
  const std::filesystem::path library =
      std::filesystem::absolute(own.dli_fname, ignored).parent_path() / kMpiLibrary;
  if (!std::filesystem::exists(library, ignored))
    return trouble("this build of fvattn has no transport for ranks on CPUs", library.filename().c_str(),
                   "install Open MPI (Debian: libopenmpi-dev, openmpi-bin) and build fvattn again");
  void* handle = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (handle == nullptr)
    return trouble("the transport for ranks on CPUs cannot be loaded", dlerror(), "is Open MPI (libmpi) installed?");
  void* entry = dlsym(handle, kMpiEntry);
  if (entry == nullptr)
    return trouble(library.string() + " is not of this version of fvattn", dlerror(), "install both anew");
  return reinterpret_cast<MpiEntry>(entry);
}

}  // namespace

Result<std::shared_ptr<Communicator>> make_mpi_communicator(const CommunicatorOptions& options) {
  static const auto* entry = new Result<MpiEntry>(find_entry());
  if (!*entry) return entry->status();
  Result<std::shared_ptr<Communicator>> made(std::shared_ptr<Communicator>{});
  (**entry)(options, made);
  return made;
}

}  // namespace fvattn
