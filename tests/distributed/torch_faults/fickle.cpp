// A backend that hands v on, or throws where it is told to. Built in two versions.
#include <fvattn/plugin.hpp>

#include <cstdlib>
#include <cstring>
#include <stdexcept>

using namespace fvattn::plugin;

namespace {

struct Fickle {
  static constexpr const char* name = "FICKLE_ATTN";
  static constexpr const char* doc = "for tests";

  static void query(const fvattn_device& device, const fvattn_problem&, Support& support) {
    support.require(device.type == FVATTN_CPU, FVATTN_R_ARCH, "runs on the CPU");
  }
  explicit Fickle(const fvattn_impl_desc&) {}
  void plan(const fvattn_problem&, const void*, Plan&) {}
  void forward(const Call& call) {
    if (std::getenv("FVATTN_TEST_THROWS") != nullptr) throw std::runtime_error("the backend ran out of luck");
    const fvattn_tensor& o = call.out("o");
    int64_t bytes = o.dtype_bits / 8;
    for (int32_t d = 0; d < o.ndim; ++d) bytes *= o.shape[d];
    std::memset(o.data, 0, static_cast<size_t>(bytes));
  }
};

}  // namespace

FVATTN_PLUGIN("org.fvattn.test.fickle", FVATTN_TEST_VERSION, "fvattn", Fickle)
