#include <fvattn/plugin.hpp>

#include <regex> // its templates give many weak and unique symbols, none of which may get out

namespace {
struct Nothing {
  static constexpr const char* name = "STAMP_ATTN";
  static void query(const fvattn_device&, const fvattn_problem&, fvattn::plugin::Support& s) {
    s.refuse(std::regex_match("a", std::regex("[a-z]")) ? FVATTN_R_VENDOR : FVATTN_R_ARCH, "for tests");
  }
  explicit Nothing(const fvattn_impl_desc&) {}
  void plan(const fvattn_problem&, const void*, fvattn::plugin::Plan&) {}
  void forward(const fvattn::plugin::Call&) {}
};
}  // namespace

FVATTN_PLUGIN("org.example.stamp", "0.1.0", "Example", Nothing)
