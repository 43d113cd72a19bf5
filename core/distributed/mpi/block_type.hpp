// What goes from one rank to another in one exchange, as one MPI datatype: MPI walks over the strides itself.
#pragma once

#include <fvattn/distributed/communicator.hpp>

#include <mpi.h>

namespace fvattn::mpi {

/// Owns a committed datatype at absolute addresses (the buffer is MPI_BOTTOM, the count 1).
class BlockType {
 public:
  enum class End { source, target };
  /// All blocks of `exchange` from rank `source` to rank `target`, as they lie in the tensors of one end: the calling
  /// rank's. Both ends list the same bytes in the same order: by tensor, batch, row.
  BlockType(const Exchange& exchange, int source, int target, End end);
  ~BlockType();
  BlockType(BlockType&& other) noexcept;
  BlockType(const BlockType&) = delete;
  BlockType& operator=(const BlockType&) = delete;

  MPI_Datatype get() const { return type_; }
  uint64_t bytes() const { return bytes_; }
  /// Tensors that do not lie in one run here: MPI packs or unpacks them on the way.
  uint64_t strided() const { return strided_; }

 private:
  MPI_Datatype type_ = MPI_DATATYPE_NULL;
  uint64_t bytes_ = 0, strided_ = 0;
};

}  // namespace fvattn::mpi
