// From a class to the C table of a backend: one noexcept trampoline a slot.
#pragma once

#include <fvattn/plugin/traits.hpp>

namespace fvattn::plugin::detail {

/// Rules FVP-8 and FVP-9 for every backend: what neither the class nor this SDK knows is refused, never ignored.
inline void refuse_unknown(const fvattn_problem& p, const fvattn_backend& table, Support& support) {
  constexpr uint32_t known = FVATTN_PROBLEM_CAUSAL | FVATTN_PROBLEM_NEED_GRAD | FVATTN_PROBLEM_VARLEN |
                             FVATTN_PROBLEM_NEED_CAPTURE | FVATTN_PROBLEM_NEED_DETERMINISM | FVATTN_PROBLEM_NEED_LSE;
  support.require(!(p.flags & ~known), FVATTN_R_VENDOR, "problem flags 0x%x are newer than this plugin", p.flags & ~known);
  support.require(!(p.flags & FVATTN_PROBLEM_NEED_GRAD) || table.backward, FVATTN_R_BACKWARD, "it has no backward");
  for (uint32_t i = 0; i < p.n_extra; ++i) {
    const fvattn_spec& extra = p.extra[i];
    const std::string_view name = view(extra.name);
    if ((p.flags & FVATTN_PROBLEM_VARLEN) && (name == "cu_seqlens_q" || name == "cu_seqlens_k")) continue;
    const fvattn_tensor_key* key = nullptr;
    for (size_t k = 0; k < table.n_tensor_keys && !key; ++k)
      if (view(table.tensor_keys[k].name) == name) key = &table.tensor_keys[k];
    const uint64_t reason = name == "mask" ? FVATTN_R_MASK : FVATTN_R_EXTRA_INPUT;
    const int width = static_cast<int>(name.size());
    if (!key)
      support.refuse(reason, "it takes no tensor %.*s", width, name.data());
    else if (key->ndim >= 0 && key->ndim != extra.ndim)
      support.refuse(reason, "%.*s has %d dimensions, %d are accepted", width, name.data(), extra.ndim, key->ndim);
    else if (!(key->dtypes & dtype_bit(dtype(extra))))
      support.refuse(reason, "%.*s is %s, which is not accepted", width, name.data(), to_string(dtype(extra)).c_str());
  }
  for (size_t k = 0; k < table.n_tensor_keys; ++k) {
    const fvattn_tensor_key& key = table.tensor_keys[k];
    bool found = !(key.flags & FVATTN_TENSOR_REQUIRED);
    for (uint32_t i = 0; i < p.n_extra && !found; ++i) found = view(p.extra[i].name) == view(key.name);
    support.require(found, FVATTN_R_EXTRA_INPUT, "the tensor %.*s is missing", static_cast<int>(key.name.n), key.name.p);
  }
  for (const fvattn_kv& kv : KeyValues(p.meta)) {
    bool found = false;
    for (size_t k = 0; k < table.n_meta_keys && !found; ++k) found = view(table.meta_keys[k].dflt.key) == view(kv.key);
    support.require(found, FVATTN_R_META_UNKNOWN, "it takes no key %.*s", static_cast<int>(kv.key.n), kv.key.p);
  }
}

template <class T>
struct Backend {
  using Meta = typename metadata<T>::type;

  static fvattn_status query(void*, const fvattn_device* device, const fvattn_problem* problem, fvattn_support* out,
                             fvattn_error* err) noexcept {
    return guard(err, [&] {
      const Whole<fvattn_device> d(device);
      const Whole<fvattn_problem> p(problem);
      const WholeOut<fvattn_support> o(out);
      Support support(*o);
      refuse_unknown(*p, *get(), support);
      T::query(*d, *p, support);
    });
  }
  static fvattn_status create(void*, const fvattn_impl_desc* desc, void** impl, fvattn_error* err) noexcept {
    return guard(err, [&] {
      const Whole<fvattn_impl_desc> d(desc);
      *impl = new T(*d);
    });
  }
  static void destroy(void* impl) noexcept { delete static_cast<T*>(impl); }

  static fvattn_status plan(void* impl, const fvattn_problem* problem, const void* meta, fvattn_plan* out,
                            fvattn_error* err) noexcept {
    return guard(err, [&] {
      const Whole<fvattn_problem> p(problem);
      const WholeOut<fvattn_plan> o(out);
      Plan plan(*o);
      try {
        static_cast<T*>(impl)->plan(*p, static_cast<const Meta*>(meta), plan);
      } catch (...) {
        drop_state(plan.c());
        throw;
      }
      if (!has_preprocess<T>::value) plan.c().flags &= ~uint32_t{FVATTN_PLAN_HAS_PRE};
      if (!has_postprocess<T>::value) plan.c().flags &= ~uint32_t{FVATTN_PLAN_HAS_POST};
      // The host calls again with more room; this answer's state would be lost.
      if (plan.c().n_saved > plan.c().cap_saved || plan.c().n_outputs > plan.c().cap_outputs) drop_state(plan.c());
    });
  }
  static void drop_state(fvattn_plan& plan) {
    plan_free(nullptr, plan.state);
    plan.state = nullptr;
  }
  static void plan_free(void*, void* state) noexcept {
    if constexpr (has_plan_state<T>::value) delete static_cast<typename T::PlanState*>(state);
    else (void)state;
  }

  static fvattn_status meta_build(void*, const fvattn_device* device, fvattn_kvs kvs, void* stream, const void** meta,
                                  fvattn_error* err) noexcept {
    return guard(err, [&] {
      const Whole<fvattn_device> d(device);
      auto built = T::meta_build(*d, KeyValues(kvs), stream);
      if constexpr (std::is_same_v<decltype(built), Meta>) *meta = new Meta(std::move(built));
      else *meta = built.release();
    });
  }
  static void meta_free(const void* meta, void* stream) noexcept {
    auto* object = const_cast<Meta*>(static_cast<const Meta*>(meta));
    if constexpr (has_release<Meta>::value) {
      if (object) object->release(stream);
    } else {
      (void)stream;
    }
    delete object;
  }

  template <class Body>
  static fvattn_status call(const fvattn_call* given, fvattn_error* err, Body&& body) noexcept {
    return guard(err, [&] {
      const Whole<fvattn_call> whole(given);
      const Whole<fvattn_problem> problem((*whole).problem);
      if (&*problem == (*whole).problem) return body(Call(*whole));
      fvattn_call copy = *whole;
      copy.problem = &*problem;
      body(Call(copy));
    });
  }
  static fvattn_status forward(void* impl, const fvattn_call* c, fvattn_error* err) noexcept {
    return call(c, err, [&](const Call& x) { static_cast<T*>(impl)->forward(x); });
  }

  static const fvattn_backend* get() {
    static const fvattn_backend* const table = make(); // never destroyed: the host keeps it (FVP-11)
    return table;
  }

 private:
  static const fvattn_backend* make() {
    auto& b = *new fvattn_backend{};
    b.size = sizeof b;
    b.name = str(T::name);
    if constexpr (has_doc<T>::value) b.doc = str(T::doc);
    if constexpr (has_approximate<T>::value) b.flags |= T::approximate ? uint32_t{FVATTN_BACKEND_APPROXIMATE} : 0;
    if constexpr (has_meta_keys<T>::value) {
      static const auto* const keys = new Schema(T::meta_keys());
      b.meta_keys = keys->data(), b.n_meta_keys = keys->size();
    }
    if constexpr (has_option_keys<T>::value) {
      static const auto* const keys = new Schema(T::option_keys());
      b.option_keys = keys->data(), b.n_option_keys = keys->size();
    }
    if constexpr (has_tensor_keys<T>::value) {
      static const auto* const keys = new TensorSchema(T::tensor_keys());
      b.tensor_keys = keys->data(), b.n_tensor_keys = keys->size();
    }
    b.query = query, b.create = create, b.destroy = destroy, b.plan = plan, b.forward = forward;
    if constexpr (has_plan_state<T>::value) b.plan_free = plan_free;
    if constexpr (has_meta_build<T>::value) b.meta_build = meta_build, b.meta_free = meta_free;
    if constexpr (has_preprocess<T>::value)
      b.preprocess = [](void* impl, const fvattn_call* c, fvattn_error* err) noexcept {
        return call(c, err, [&](const Call& x) { static_cast<T*>(impl)->preprocess(x); });
      };
    if constexpr (has_postprocess<T>::value)
      b.postprocess = [](void* impl, const fvattn_call* c, fvattn_error* err) noexcept {
        return call(c, err, [&](const Call& x) { static_cast<T*>(impl)->postprocess(x); });
      };
    if constexpr (has_backward<T>::value)
      b.backward = [](void* impl, const fvattn_call* c, fvattn_error* err) noexcept {
        return call(c, err, [&](const Call& x) { static_cast<T*>(impl)->backward(x); });
      };
    if constexpr (has_describe<T>::value)
      b.describe = [](void* impl, const fvattn_call* c, fvattn_error* err) noexcept {
        return call(c, err, [&](const Call& x) { static_cast<T*>(impl)->describe(x); });
      };
    if constexpr (has_self_test<T>::value)
      b.self_test = [](void*, const fvattn_device* device, void* stream, fvattn_error* err) noexcept {
        return guard(err, [&] { T::self_test(*Whole<fvattn_device>(device), stream); });
      };
    return &b;
  }
};

}  // namespace fvattn::plugin::detail
