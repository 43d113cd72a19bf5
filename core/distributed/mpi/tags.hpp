// The kinds of messages between two ranks. Those of one kind arrive in the order of the operations.
#pragma once

namespace fvattn::mpi {

enum Tag : int { kRecordTag = 1, kTextTag, kPayloadTag, kDataTag, kNoticeTag };

}  // namespace fvattn::mpi
