#include "backward_instance.cuh"

namespace fvattn::engine::sm90::test {

FVATTN_INSTANCES(96);

}  // namespace fvattn::engine::sm90::test
