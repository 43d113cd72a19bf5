// Which members a backend's class has.
#pragma once

#include <fvattn/plugin/call.hpp>
#include <fvattn/plugin/plan.hpp>
#include <fvattn/plugin/schema.hpp>
#include <fvattn/plugin/support.hpp>

#include <memory>
#include <type_traits>

namespace fvattn::plugin::detail {

#define FVATTN_DETECT(trait, expression)                                          \
  template <class T, class = void>                                                \
  struct trait : std::false_type {};                                              \
  template <class T>                                                              \
  struct trait<T, std::void_t<decltype(expression)>> : std::true_type {};

FVATTN_DETECT(has_backward, std::declval<T&>().backward(std::declval<const Call&>()))
FVATTN_DETECT(has_preprocess, std::declval<T&>().preprocess(std::declval<const Call&>()))
FVATTN_DETECT(has_postprocess, std::declval<T&>().postprocess(std::declval<const Call&>()))
FVATTN_DETECT(has_describe, std::declval<T&>().describe(std::declval<const Call&>()))
FVATTN_DETECT(has_self_test, T::self_test(std::declval<const fvattn_device&>(), std::declval<void*>()))
FVATTN_DETECT(has_meta_build,
              T::meta_build(std::declval<const fvattn_device&>(), std::declval<const KeyValues&>(), std::declval<void*>()))
FVATTN_DETECT(has_meta_keys, T::meta_keys())
FVATTN_DETECT(has_option_keys, T::option_keys())
FVATTN_DETECT(has_tensor_keys, T::tensor_keys())
FVATTN_DETECT(has_doc, T::doc)
FVATTN_DETECT(has_approximate, T::approximate)
FVATTN_DETECT(has_release, std::declval<T&>().release(std::declval<void*>()))
FVATTN_DETECT(has_plan_state, std::declval<typename T::PlanState>())
#undef FVATTN_DETECT

template <class M>
struct pointee { using type = M; };
template <class M, class D>
struct pointee<std::unique_ptr<M, D>> { using type = M; };

/// The metadata type of a class: what meta_build returns, by value or in a unique_ptr.
template <class T, bool = has_meta_build<T>::value>
struct metadata { using type = void; };
template <class T>
struct metadata<T, true> {
  using built = decltype(T::meta_build(std::declval<const fvattn_device&>(), std::declval<const KeyValues&>(), nullptr));
  using type = typename pointee<built>::type;
};

/// A struct as this SDK knows it: members that an older host does not have read as 0.
template <class S>
class Whole {
 public:
  explicit Whole(const S* given) : given_(given) {
    if (given->size >= sizeof(S)) return;
    std::memcpy(&copy_, given, given->size);
    given_ = &copy_;
  }
  Whole(const Whole&) = delete;
  Whole& operator=(const Whole&) = delete;
  const S& operator*() const { return *given_; }

 private:
  S copy_{};
  const S* given_;
};

/// The same for a struct that is written: what the host has room for is copied back.
template <class S>
class WholeOut {
 public:
  explicit WholeOut(S* given) : given_(given), out_(given->size >= sizeof(S) ? given : &copy_) {
    if (out_ == &copy_) std::memcpy(&copy_, given, given->size);
  }
  ~WholeOut() {
    if (out_ == &copy_) std::memcpy(given_, &copy_, given_->size);
  }
  WholeOut(const WholeOut&) = delete;
  WholeOut& operator=(const WholeOut&) = delete;
  S& operator*() const { return *out_; }

 private:
  S copy_{};
  S *given_, *out_;
};

}  // namespace fvattn::plugin::detail
