#include "workspace.hpp"

namespace fvattn::peer {

Workspace::~Workspace() {
  drop(slots_.blocks);
  drop(lent_.blocks);
  drop(control_);
}

void Workspace::keep_for_ever() {
  slots_.blocks.clear();
  lent_.blocks.clear();
  control_.clear();
}

void Workspace::drop(Blocks& blocks) {
  for (size_t r = 0; r < blocks.size(); ++r) {
    if (blocks[r] == nullptr) continue;
    if (static_cast<int>(r) == bootstrap_.rank()) {
      device_.release(blocks[r]);
    } else {
      device_.close(blocks[r]);
    }
  }
  blocks.clear();
}

Result<Workspace::Blocks> Workspace::share(int64_t bytes, const char* what) {
  const auto me = static_cast<size_t>(bootstrap_.rank());
  Blocks blocks(static_cast<size_t>(bootstrap_.size()), nullptr);
  Contract mine;
  const auto own = device_.allocate(bytes);
  if (own) {
    blocks[me] = *own;
    const auto handle = device_.handle_of(*own);
    if (handle) {
      mine.add(what, bytes);
      mine.add("handle", *handle, false);
    } else {
      mine.failure = handle.status();
    }
  } else {
    mine.failure = own.status();
  }
  const auto all = bootstrap_.agree(mine);
  if (!all) {
    drop(blocks);
    return all.status();
  }
  Contract opened;
  for (size_t r = 0; r < blocks.size(); ++r) {
    if (r == me) continue;
    const auto block = device_.open((*all)[r].value("handle"));
    if (block) {
      blocks[r] = *block;
    } else if (opened.failure.ok()) {
      opened.failure = block.status();
    }
  }
  // All or none: a rank that cannot open one makes all give up together.
  if (const auto agreed = bootstrap_.agree(opened); !agreed) {
    drop(blocks);
    return agreed.status();
  }
  return blocks;
}

Status Workspace::make_flags(int writers) {
  const int ranks = bootstrap_.size();
  const int64_t count = slots::Flags::count(ranks, writers);
  auto blocks = share((count + 1) * static_cast<int64_t>(sizeof(slots::Epoch)), "bytes of flags");
  if (!blocks) return blocks.status();
  control_ = std::move(*blocks);
  flags_.clear();
  for (std::byte* block : control_) {
    auto* words = reinterpret_cast<slots::Epoch*>(block);
    flags_.push_back({words, words + int64_t{ranks} * writers});
  }
  epoch_ = reinterpret_cast<slots::Epoch*>(control_[static_cast<size_t>(bootstrap_.rank())]) + count;
  return {};
}

Status Workspace::grow(Region& region, int count, int64_t bytes, const char* what) {
  if (bytes <= region.bytes) return {};
  // Nobody may store into the old ones any more.
  if (Status status = bootstrap_.barrier(); !status.ok()) return status;
  drop(region.blocks);
  region.bytes = 0;
  auto blocks = share(count * bytes, what);
  if (!blocks) return blocks.status();
  region.blocks = std::move(*blocks);
  region.bytes = bytes;
  return {};
}

}  // namespace fvattn::peer
