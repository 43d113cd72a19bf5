// The tables of a call's chunks, made on the device: with packed sequences only the device knows them.
#pragma once

#include "../chunks/limits.hpp"
#include "chunks.hpp"

#include <cuda_runtime_api.h>

namespace vmoba::gpu {

/// Device memory of the tables.
struct ChunkTables {
  ChunkTables(const fvattn_problem& p, const Limits& limits, fvattn::plugin::Workspace& workspace);

  int sequences;
  int *starts, *sequence_chunks, *sequence_of;
  int* rows;  // of places; not used where chunks are runs of the sequence
};

/// Fills the tables on the stream. cu_seqlens: boundaries of packed sequences in device memory, null for one sequence. Their
/// values are the caller's word, since looking at them would synchronise; wrong ones write nothing outside the tables.
Chunks make_chunks(const fvattn_problem& p, const Config& config, const Limits& limits, const int* cu_seqlens,
                   const ChunkTables& tables, cudaStream_t stream);

}  // namespace vmoba::gpu
