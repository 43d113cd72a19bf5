// What the ranks of a group do together: come for the same thing, then move bytes.
#include "mpi/block_type.hpp"
#include "mpi/group.hpp"
#include "mpi/tags.hpp"

#include <fvattn/distributed/transport.hpp>

#include <algorithm>
#include <cstring>

namespace fvattn::mpi {
namespace {

/// The first message of a meeting.
struct Record {
  uint64_t operation = 0;  // hash
  uint64_t operation_bytes = 0, payload_bytes = 0;
};

std::string bytes_of(const Record& record) { return {reinterpret_cast<const char*>(&record), sizeof record}; }
Record record_of(const std::string& bytes) {
  Record record;
  std::memcpy(&record, bytes.data(), sizeof record);
  return record;
}

}  // namespace

Result<std::vector<std::string>> Group::all_to_all(const std::string& operation, std::string out,
                                                   const std::vector<size_t>& sizes, int tag) {
  auto flight = std::make_unique<Flight>();
  const auto ranks = static_cast<size_t>(size()), me = static_cast<size_t>(rank());
  flight->receives.assign(ranks, MPI_REQUEST_NULL);
  flight->sends.assign(ranks, MPI_REQUEST_NULL);
  flight->in.resize(ranks);
  flight->out = std::move(out);
  {
    const std::lock_guard lock(world_.mutex());
    if (!failure_.ok()) return failure_;
    for (size_t r = 0; r < ranks; ++r) {
      if (r == me || sizes[r] == 0) continue;
      flight->in[r].resize(sizes[r]);
      MPI_Irecv(flight->in[r].data(), static_cast<int>(sizes[r]), MPI_BYTE, static_cast<int>(r), tag, comm_,
                &flight->receives[r]);
    }
    for (size_t r = 0; r < ranks; ++r)
      if (r != me && !flight->out.empty())
        MPI_Isend(flight->out.data(), static_cast<int>(flight->out.size()), MPI_BYTE, static_cast<int>(r), tag, comm_,
                  &flight->sends[r]);
  }
  if (Status status = wait(flight, operation, false); !status.ok()) return status;
  flight->in[me] = flight->out;
  return std::move(flight->in);
}

Result<std::vector<std::string>> Group::meet(const std::string& operation, const std::string& payload) {
  const auto ranks = static_cast<size_t>(size());
  const Record mine{hash_bytes(std::as_bytes(std::span(operation))), operation.size(), payload.size()};
  const auto records = all_to_all(operation, bytes_of(mine), std::vector<size_t>(ranks, sizeof mine), kRecordTag);
  if (!records) return records.status();
  std::vector<size_t> operations, payloads;
  bool same = true;
  for (const std::string& bytes : *records) {
    const Record record = record_of(bytes);
    same = same && record.operation == mine.operation && record.operation_bytes == mine.operation_bytes;
    operations.push_back(record.operation_bytes);
    payloads.push_back(record.payload_bytes);
  }
  if (!same) {
    const auto texts = all_to_all(operation, operation, operations, kTextTag);
    if (!texts) return texts.status();
    const std::lock_guard lock(world_.mutex());
    return fail(check_same_operation(*texts), true);
  }
  if (std::all_of(payloads.begin(), payloads.end(), [](size_t bytes) { return bytes == 0; }))
    return std::vector<std::string>(ranks);
  return all_to_all(operation, payload, payloads, kPayloadTag);
}

Result<Group::Moved> Group::move(const Exchange& exchange) {
  Moved moved;
  auto flight = std::make_unique<Flight>();
  flight->owner = exchange.owner;
  flight->receives.assign(static_cast<size_t>(size()), MPI_REQUEST_NULL);
  flight->sends = flight->receives;
  {
    const std::lock_guard lock(world_.mutex());
    if (!failure_.ok()) return failure_;
    // Ranks start at different peers, so that not all send to one at once.
    for (int i = 1; i < size(); ++i) {
      const int peer = (rank() + i) % size();
      const BlockType to_here(exchange, peer, rank(), BlockType::End::target);
      const BlockType from_here(exchange, rank(), peer, BlockType::End::source);
      if (to_here.bytes() > 0)
        MPI_Irecv(MPI_BOTTOM, 1, to_here.get(), peer, kDataTag, comm_, &flight->receives[static_cast<size_t>(peer)]);
      if (from_here.bytes() > 0)
        MPI_Isend(MPI_BOTTOM, 1, from_here.get(), peer, kDataTag, comm_, &flight->sends[static_cast<size_t>(peer)]);
      moved.remote += to_here.bytes();
      moved.copies = std::max(moved.copies, to_here.strided() + from_here.strided());
    }
  }
  for (const Transfer& t : exchange.transfers)
    moved.local += static_cast<uint64_t>(
        copy_block(block_between(t.pattern, t.sequence, t.heads, rank(), rank()), t.source, t.target));
  if (Status status = wait(flight, exchange.name, true); !status.ok()) return status;
  return moved;
}

}  // namespace fvattn::mpi
