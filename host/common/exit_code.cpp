#include "common/exit_code.hpp"

namespace fvattn::host {

int exit_code(const Status& status) {
  switch (status.code) {
    case Code::ok: return kExitOk;
    case Code::invalid_argument: return kExitUsage;
    case Code::unavailable: return kExitUnavailable;
    default: return kExitFailed;
  }
}

}  // namespace fvattn::host
