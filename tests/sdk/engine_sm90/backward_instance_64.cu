#include "backward_instance.cuh"

namespace fvattn::engine::sm90::test {

FVATTN_INSTANCES(64);

}  // namespace fvattn::engine::sm90::test
