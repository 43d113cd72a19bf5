#include <fvattn/distributed/communicator.hpp>

namespace fvattn {

Result<std::vector<std::byte*>> Communicator::lend(const Exchange&) { return std::vector<std::byte*>{}; }

Result<std::vector<Contract>> Communicator::agree(const Contract& mine) {
  auto all = gather_contracts(mine);
  if (!all) return all.status();
  if (Status status = check_agreement(*all, rank()); !status.ok()) return status;
  return all;
}

}  // namespace fvattn
