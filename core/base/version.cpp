#include <fvattn/version.hpp>

namespace fvattn {

const char* version() { return FVATTN_VERSION; }

}  // namespace fvattn
