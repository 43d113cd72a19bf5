// The abstract interfaces of fastvideo.attention: what host code sees of a backend, whoever wrote it.
//
// One adapter (core/registry/plugin_backend.cpp) turns a plugin's C table into them; nothing else implements them
// in the library. An application that wants a backend of its own registers a C table as a plugin does.
#pragma once

#include <fvattn/export.hpp>

#include <fvattn/device.hpp>
#include <fvattn/metadata.hpp>
#include <fvattn/problem.hpp>
#include <fvattn/status.hpp>

#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace fvattn FVATTN_PUBLIC {

class AttentionBackend;

/// The metadata of one denoising step for one backend: immutable, shared by all layers.
class AttentionMetadata {
 public:
  virtual ~AttentionMetadata() = default;
  /// The backend that built it; no other backend gets to see it.
  virtual const AttentionBackend& backend() const = 0;
  /// The completed key-values, defaults included.
  virtual const KeyValues& values() const = 0;
  /// The same key-values packed for a call.
  virtual fvattn_kvs packed() const = 0;
  /// What the backend's meta_build made; nullptr if it has none.
  virtual const void* handle() const = 0;

  /// The key `current_timestep` (the loop index of the denoising step), 0 when absent.
  int64_t current_timestep() const;
  /// Views of the values, without copies, leaving out `skip`. Valid while this object lives.
  std::map<std::string_view, const Value*> as_dict(const std::set<std::string, std::less<>>& skip = {}) const;
};

class AttentionMetadataBuilder {
 public:
  virtual ~AttentionMetadataBuilder() = default;
  /// Called before the first build; the built-in adapter needs nothing.
  virtual void prepare() {}
  /// Validates against the backend's schema and builds. `stream` (a cudaStream_t) may be nullptr on the CPU.
  virtual Result<std::shared_ptr<const AttentionMetadata>> build(const KeyValues& values, void* stream = nullptr) = 0;
};

/// What plan() answers, owned. Kept by the caller's plan cache; frees the plugin's state when it goes.
struct AttentionPlan {
  uint32_t flags = 0;  // FVATTN_PLAN_*
  uint64_t ws_forward = 0, ws_backward = 0, ws_stage = 0, ws_align = 256;
  int64_t staged_q_len = 0, staged_kv_len = 0;
  std::vector<Spec> saved, outputs;
  std::shared_ptr<void> state;  // plan_state of the calls
};

/// One layer's instance of a backend. Thread-safe for calls on different streams as the C ABI says.
class AttentionImpl {
 public:
  virtual ~AttentionImpl() = default;
  virtual const AttentionBackend& backend() const = 0;
  virtual Result<AttentionPlan> plan(const Problem& problem, const AttentionMetadata* metadata) = 0;
  virtual Status preprocess_qkv(const fvattn_call& call) = 0;      // only if the plan has HAS_PRE
  virtual Status forward(const fvattn_call& call) = 0;
  virtual Status postprocess_output(const fvattn_call& call) = 0;  // only if the plan has HAS_POST
  virtual Status backward(const fvattn_call& call) = 0;            // UNIMPLEMENTED if the backend has none
  virtual Status describe(const fvattn_call& call) = 0;            // UNIMPLEMENTED likewise
};

struct Note {
  uint64_t reason;
  std::string text;
};

/// The answer of query().
struct Support {
  bool supported = false;
  double score = 0, est_us = 0;
  uint64_t reasons = 0;  // FVATTN_R_*
  std::vector<Note> notes;
};

/// "HEAD_DIM" for FVATTN_R_HEAD_DIM, ...; several are joined with '|'.
std::string reason_names(uint64_t reasons);

class AttentionBackend {
 public:
  virtual ~AttentionBackend() = default;
  virtual const std::string& get_name() const = 0;        // "FLASH_ATTN"
  virtual const std::string& qualified_name() const = 0;  // "org.example.naive/NAIVE_ATTN"
  virtual const std::string& plugin_version() const = 0;
  virtual const std::string& plugin_path() const = 0;     // empty when registered through the API
  virtual const std::string& plugin_sha256() const = 0;   // empty when not known
  virtual bool approximate() const = 0;                   // never chosen automatically
  virtual bool has_backward() const = 0;
  virtual bool has_describe() const = 0;
  virtual const Schema& metadata_schema() const = 0;
  virtual const Schema& option_schema() const = 0;
  virtual const std::vector<TensorKey>& tensor_keys() const = 0;

  /// Can this problem run there? Also refuses, before asking the plugin, extra inputs outside its schema,
  /// NEED_GRAD without backward, and metadata keys outside its schema.
  virtual Result<Support> query(const Device& device, const Problem& problem, const KeyValues& metadata = {}) const = 0;
  /// `nominal` has the constructor's values. Options outside the schema are an error; neutral values (0, false, "")
  /// of unknown ones are accepted, as the reference's callers pass dropout_rate=0.
  virtual Result<std::unique_ptr<AttentionImpl>> make_impl(const Device& device, const Problem& nominal, std::string_view prefix,
                                                           const KeyValues& options) const = 0;
  virtual std::unique_ptr<AttentionMetadataBuilder> make_builder(const Device& device) const = 0;
};

}  // namespace fvattn
