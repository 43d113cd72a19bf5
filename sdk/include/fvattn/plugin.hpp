// Header-only C++ (17 and newer, nvcc too) over plugin.h: write a class, get the C table, exceptions contained.
//
//   #include <fvattn/plugin.hpp>
//   using namespace fvattn::plugin;
//
//   struct Mine {
//     static constexpr const char* name = "MINE_ATTN";                                // what users select
//     static void query(const fvattn_device&, const fvattn_problem&, Support&);       // can this run here, how fast
//     explicit Mine(const fvattn_impl_desc&);                                         // one object a layer
//     void plan(const fvattn_problem&, const Meta*, Plan&);                           // workspace, saved tensors, flags
//     void forward(const Call&);
//     // Optional, each fills its slot of the table by being there:
//     static constexpr const char* doc = "..."; static constexpr bool approximate = true;
//     void backward(const Call&); void preprocess(const Call&); void postprocess(const Call&); void describe(const Call&);
//     static void self_test(const fvattn_device&, void* stream);
//     static Schema meta_keys(); static Schema option_keys(); static TensorSchema tensor_keys();
//     static Meta meta_build(const fvattn_device&, const KeyValues&, void* stream);   // or unique_ptr<Meta>; immutable then
//     using PlanState = ...;                                                          // with Plan::state
//   };
//   FVATTN_PLUGIN("org.example.mine", "0.1.0", "Example", Mine)
//
// Without meta_build the second argument of plan is a null `const void*`. A Meta with `void release(void* stream)` gets it
// called before it is deleted. query need not look at what the SDK refuses by itself: gradients without backward, extra
// tensors and keys outside the schemas, flags newer than this SDK. Any exception becomes a status: Error its own,
// std::bad_alloc RESOURCE_EXHAUSTED, others INTERNAL.
#pragma once

#include <fvattn/plugin/entry.hpp>

/// CUDA's integer (13000 = 13.0). fvattn_add_plugin defines it for plugins with device code.
#if !defined(FVATTN_CUDA_RUNTIME)
#define FVATTN_CUDA_RUNTIME 0
#endif

/// Once a plugin, outside any namespace: the id (reverse domain), its version, the publisher, and the backend classes.
#define FVATTN_PLUGIN(id, version, publisher, ...)                                                        \
  extern "C" const fvattn_plugin* fvattn_plugin_entry_v1(const fvattn_host* host, fvattn_error* err) {    \
    return ::fvattn::plugin::detail::enter<__VA_ARGS__>(                                                  \
        host, err, {id, version, publisher, __VERSION__, FVATTN_CUDA_RUNTIME});                           \
  }
