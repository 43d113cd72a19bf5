#include "io/safetensors/writer.hpp"

#include "common/atomic_file.hpp"

#include <algorithm>
#include <set>

namespace fvattn::host::safetensors {

Status write(const std::string& path, std::vector<Source> tensors, const std::map<std::string, std::string>& metadata) {
  std::stable_sort(tensors.begin(), tensors.end(),
                   [](const Source& a, const Source& b) { return a.dtype->bits > b.dtype->bits; });
  Header header;
  header.metadata = metadata;
  std::set<std::string> names;
  for (const Source& tensor : tensors) {
    if (tensor.name == kMetadataKey || !names.insert(tensor.name).second)
      return Status::error(Code::invalid_argument, "two outputs have one name", tensor.name);
    uint64_t bytes = tensor.dtype->bits / 8;
    for (const int64_t length : tensor.shape) bytes *= static_cast<uint64_t>(length);
    header.entries.push_back({tensor.name, tensor.dtype, tensor.shape, 0, bytes});
  }
  Result<AtomicFile> file = AtomicFile::create(path);
  if (!file) return file.status();
  if (Status status = file->write(make_header(header)); !status.ok()) return status;
  for (size_t i = 0; i < tensors.size(); ++i)
    if (Status status = file->write(tensors[i].data, header.entries[i].bytes); !status.ok()) return status;
  return file->commit();
}

}  // namespace fvattn::host::safetensors
