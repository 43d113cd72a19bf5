#include "backward_instance.cuh"

namespace fvattn::engine::sm90::test {

FVATTN_INSTANCES(128);

}  // namespace fvattn::engine::sm90::test
