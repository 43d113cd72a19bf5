// What transports are made of, for those who write one: checks, descriptions, bytes of contracts, and processes that end.
#pragma once

#include <fvattn/distributed/communicator.hpp>

#include <span>
#include <string>
#include <string_view>

namespace fvattn FVATTN_PUBLIC {

/// INVALID_ARGUMENT unless every layout has the rows, heads and sizes of its pattern on `rank` of `size`. After it no
/// block reaches outside of a tensor.
Status check_transfers(const Exchange& exchange, int rank, int size);

/// The operation in words, splits, batches and sizes in it: ranks with the same text move the same bytes.
std::string describe(const Exchange& exchange);

/// OK if all ranks came for the same thing, else FAILED_PRECONDITION with every rank's operation side by side. `operations`
/// is by rank and not empty.
Status check_same_operation(std::span<const std::string> operations);

/// A contract as bytes that another process of the same byte order can read, its failure included.
std::string to_bytes(const Contract& contract);
Result<Contract> contract_from_bytes(std::string_view bytes);

/// This process in words that no other has: machine, process namespace, number and time of start. Linux; elsewhere only
/// the number.
std::string process_identity();
/// True if the process of that identity ran on this machine and has ended; false if it lives, or nobody here can know.
bool process_has_ended(const std::string& identity);
/// Its number, for messages.
std::string process_number(const std::string& identity);

}  // namespace fvattn
