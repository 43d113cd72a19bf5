// Ranks that already are a torch process group.
#pragma once

#include <fvattn/distributed/communicator.hpp>

#include <memory>
#include <string>

namespace fvattn FVATTN_PUBLIC {

/// The calling process's rank of the group that is registered under `group_name` (ProcessGroup.group_name in Python),
/// whatever moves its tensors: gloo for memory of the CPU, NCCL for GPUs, or both. Collective: every rank of the group makes
/// its own at the same place in its sequence of collective calls, and nobody else may use the group from another thread
/// meanwhile or during an operation. The group stays the caller's: it is not kept alive, and a group that is gone is an
/// error of each operation. Throws Error, also if a rank does not come.
///
/// Each tensor is one all-to-all of bytes; a tensor whose parts are not adjacent is packed before or unpacked after it,
/// which stats().copies counts. Memory of GPUs moves in the order of the exchange's stream; the host waits for the
/// agreement before it, not for the bytes.
///
/// abort() and the search for a rank that is lost go through the group's store; without one only timeouts are left.
std::shared_ptr<Communicator> make_process_group_communicator(const std::string& group_name,
                                                              const CommunicatorOptions& options = {});

/// True if the group still exists under that name and is the one that `communicator` was made for.
bool is_current_process_group(const Communicator& communicator, const std::string& group_name);

}  // namespace fvattn
