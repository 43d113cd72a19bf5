#include "mpi/block_type.hpp"

#include <utility>
#include <vector>

namespace fvattn::mpi {
namespace {

// Frees what it replaces. Counts are heads, rows and batches: they fit an int where bytes would not.
void repeat(MPI_Datatype& type, int64_t count, int64_t stride) {
  MPI_Datatype repeated = MPI_DATATYPE_NULL;
  MPI_Type_create_hvector(static_cast<int>(count), 1, static_cast<MPI_Aint>(stride), type, &repeated);
  MPI_Type_free(&type);
  type = repeated;
}

MPI_Datatype type_of(const Block& block, const Layout& layout) {
  MPI_Datatype type = MPI_DATATYPE_NULL;
  MPI_Type_contiguous(static_cast<int>(layout.head_bytes), MPI_BYTE, &type);
  repeat(type, block.heads, layout.head_bytes);
  repeat(type, block.rows, layout.row_stride);
  repeat(type, layout.batches, layout.batch_stride);
  return type;
}

bool is_one_run(const Block& block, const Layout& layout) {
  const int64_t row = block.heads * layout.head_bytes;
  return (block.rows == 1 || layout.row_stride == row) && (layout.batches == 1 || layout.batch_stride == block.rows * row);
}

}  // namespace

BlockType::BlockType(const Exchange& exchange, int source, int target, End end) {
  std::vector<MPI_Datatype> types;
  std::vector<MPI_Aint> places;
  for (const Transfer& t : exchange.transfers) {
    const Block block = block_between(t.pattern, t.sequence, t.heads, source, target);
    const Layout& layout = end == End::source ? t.source : t.target;
    const int64_t bytes = layout.batches * block.rows * block.heads * layout.head_bytes;
    if (bytes == 0) continue;
    const int64_t row = end == End::source ? block.source_row : block.target_row;
    const int64_t head = end == End::source ? block.source_head : block.target_head;
    MPI_Aint place = 0;
    MPI_Get_address(layout.data + row * layout.row_stride + head * layout.head_bytes, &place);
    places.push_back(place);
    types.push_back(type_of(block, layout));
    bytes_ += static_cast<uint64_t>(bytes);
    strided_ += !is_one_run(block, layout);
  }
  if (types.empty()) return;
  const std::vector<int> ones(types.size(), 1);
  MPI_Type_create_struct(static_cast<int>(types.size()), ones.data(), places.data(), types.data(), &type_);
  MPI_Type_commit(&type_);
  for (MPI_Datatype& type : types) MPI_Type_free(&type);
}

BlockType::~BlockType() {
  if (type_ != MPI_DATATYPE_NULL) MPI_Type_free(&type_);  // messages on their way keep it
}

BlockType::BlockType(BlockType&& other) noexcept
    : type_(std::exchange(other.type_, MPI_DATATYPE_NULL)), bytes_(other.bytes_), strided_(other.strided_) {}

}  // namespace fvattn::mpi
