/* The boundary between fvattn and one attention backend: the C ABI, version 1.
 *
 * A plugin is a shared object that exports one symbol, fvattn_plugin_entry_v1, and links nothing of fvattn.
 * Everything that host and plugin share is in this file. It compiles as C11, C++17 and newer, and by nvcc.
 *
 * Rules (docs/writing_a_plugin.md lists them as FVP-1..12 for plugins and FVH-1..5 for the host):
 *  - growable structs start with `size`, set by whoever fills the struct. Read a member only if
 *    FVATTN_HAS(p, member); a missing member means 0, which always means "as before it existed";
 *  - structs marked frozen are used in arrays and never change;
 *  - strings are UTF-8, not NUL-terminated unless a comment says so, and live as long as the struct they are in;
 *  - no exception crosses, nothing allocated on one side is freed on the other;
 *  - tensors are [batch, sequence, heads, head dim] with any strides on the first three, innermost stride 1.
 */
#ifndef FVATTN_PLUGIN_H
#define FVATTN_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#define FVATTN_ABI_MAJOR 1
#define FVATTN_ABI_MINOR 0

/* True when the producer of *p knew `field`. */
#define FVATTN_HAS(p, field) ((p)->size >= offsetof(__typeof__(*(p)), field) + sizeof((p)->field))

#ifdef __cplusplus
extern "C" {
#endif

/* Status codes. The numbers are those of the same names in gRPC. */
typedef int32_t fvattn_status;
enum {
  FVATTN_OK = 0,
  FVATTN_INVALID_ARGUMENT = 3,
  FVATTN_RESOURCE_EXHAUSTED = 8,
  FVATTN_FAILED_PRECONDITION = 9,
  FVATTN_UNIMPLEMENTED = 12,
  FVATTN_INTERNAL = 13,
  FVATTN_UNAVAILABLE = 14
};

/* fvattn_error.domain: what native_code means. */
enum { FVATTN_DOMAIN_FVATTN = 0, FVATTN_DOMAIN_CUDART = 1, FVATTN_DOMAIN_CUDA_DRIVER = 2, FVATTN_DOMAIN_ERRNO = 3 };
/* fvattn_error.flags */
enum {
  FVATTN_ERROR_STICKY = 1,          /* the device context is lost; the host quarantines the plugin */
  FVATTN_ERROR_RETRYABLE = 2,       /* the same call may succeed later (out of memory) */
  FVATTN_ERROR_OUTPUT_UNTOUCHED = 4 /* no output byte was written */
};

/* DLPack's DLDeviceType and DLDataTypeCode, the values used here. */
enum { FVATTN_CPU = 1, FVATTN_CUDA = 2 };
enum { FVATTN_DTYPE_INT = 0, FVATTN_DTYPE_UINT = 1, FVATTN_DTYPE_FLOAT = 2, FVATTN_DTYPE_BFLOAT = 4, FVATTN_DTYPE_BOOL = 6 };

typedef struct fvattn_str { const char* p; size_t n; } fvattn_str; /* frozen */

/* Extension chain. Ignore an unknown type, unless its high bit ("critical") is set: then answer UNIMPLEMENTED. */
typedef struct fvattn_ext { uint32_t size, type; const struct fvattn_ext* next; } fvattn_ext;
#define FVATTN_EXT_CRITICAL 0x80000000u

/* Filled by the callee on failure. The caller owns the struct and msg[0..msg_cap); msg may be NULL with msg_cap 0.
 * msg_len is the number of bytes written, cut at a UTF-8 boundary. Put the cause first. */
typedef struct fvattn_error {
  uint32_t size;
  fvattn_status code;
  int32_t native_code;
  uint32_t domain, flags, msg_len;
  char* msg;
  size_t msg_cap;
} fvattn_error;

/* Bit-identical to DLPack's DLTensor (48 bytes). shape and strides have ndim entries, strides in elements and
 * never NULL when ndim > 0. The producer keeps shape and strides alive for the call. */
typedef struct fvattn_tensor { /* frozen */
  void* data;
  int32_t device_type, device_id, ndim;
  uint8_t dtype_code, dtype_bits;
  uint16_t dtype_lanes;
  int64_t *shape, *strides;
  uint64_t byte_offset;
} fvattn_tensor;

/* A named tensor: q k v o mask gate_compress cu_seqlens_q cu_seqlens_k lse d_o d_q d_k d_v saved:<n>, ... */
typedef struct fvattn_arg { fvattn_str name; uint32_t flags, reserved; fvattn_tensor t; } fvattn_arg; /* frozen */

/* Kinds of a key-value. BOOL is stored in i64. STR is NUL-terminated, count is its length. */
enum { FVATTN_I64 = 1, FVATTN_F64, FVATTN_BOOL, FVATTN_STR, FVATTN_I64S, FVATTN_F64S, FVATTN_TENSOR };
typedef struct fvattn_kv { /* frozen */
  fvattn_str key;
  int32_t kind;
  uint32_t flags;
  uint64_t count;
  union {
    int64_t i64;
    double f64;
    const char* str;
    const int64_t* i64s;
    const double* f64s;
    const fvattn_tensor* tensor;
  } v;
} fvattn_kv;
typedef struct fvattn_kvs { const fvattn_kv* p; size_t n; } fvattn_kvs; /* frozen */

typedef struct fvattn_buf { void* p; uint64_t bytes; } fvattn_buf; /* frozen */

/* Levels of fvattn_host.log. */
enum { FVATTN_LOG_TRACE = 0, FVATTN_LOG_DEBUG = 1, FVATTN_LOG_INFO = 2, FVATTN_LOG_WARN = 3, FVATTN_LOG_ERROR = 4 };

/* What the host offers. Immutable, lives as long as the process; every function is thread-safe. Pass `ctx` first. */
typedef struct fvattn_host {
  uint32_t size, abi_major, abi_minor, flags;
  const fvattn_ext* ext;
  void* ctx;
  void (*log)(void* ctx, int32_t level, fvattn_str message);
  /* (optional) A later service by name; NULL when the host does not have it in this version. */
  const void* (*get_extension)(void* ctx, fvattn_str name, uint32_t version);
  /* Stream-ordered device memory from the host's allocator: for sizes that only the data decides. On the CPU
   * (dev < 0) the stream is NULL. Fails with RESOURCE_EXHAUSTED. */
  fvattn_status (*device_alloc)(void* ctx, int32_t dev, void* stream, uint64_t bytes, uint64_t align, fvattn_buf* out,
                                fvattn_error* err);
  void (*device_free)(void* ctx, int32_t dev, void* stream, fvattn_buf buf);
  void (*range_push)(void* ctx, fvattn_str name); /* profiler ranges (NVTX) */
  void (*range_pop)(void* ctx);
  /* Calls fn(arg, lo, hi) for disjoint ranges that cover [0, n), each at most max(grain, 1) long or longer where
   * the host has fewer threads. The only source of CPU threads. fn must not throw. */
  void (*parallel_for)(void* ctx, int64_t n, int64_t grain, void (*fn)(void* arg, int64_t lo, int64_t hi), void* arg);
  void (*record_stream)(void* ctx, int32_t dev, fvattn_buf buf, void* stream);
} fvattn_host;

/* fvattn_device: memory in bytes, driver_version as CUDA's integer (13000 = 13.0; 0 on the CPU). */
typedef struct fvattn_device {
  uint32_t size;
  int32_t type, id, cc_major, cc_minor, sm_count, driver_version;
  uint32_t flags;
  uint64_t mem_bytes, smem_optin;
  uint8_t uuid[16];
} fvattn_device;

/* A tensor's name, dtype and shape without memory. */
typedef struct fvattn_spec { /* frozen */
  fvattn_str name;
  uint8_t dtype_code, dtype_bits;
  uint16_t reserved;
  int32_t ndim;
  int64_t dim[8];
} fvattn_spec;

/* fvattn_problem.flags */
enum {
  FVATTN_PROBLEM_CAUSAL = 1,          /* query i sees keys j <= i + kv_len - q_len (bottom-right) */
  FVATTN_PROBLEM_NEED_GRAD = 2,       /* backward will be called */
  FVATTN_PROBLEM_VARLEN = 4,          /* batch is 1; cu_seqlens_q and cu_seqlens_k are among the inputs */
  FVATTN_PROBLEM_NEED_CAPTURE = 8,    /* will run under CUDA graph capture */
  FVATTN_PROBLEM_NEED_DETERMINISM = 16,
  FVATTN_PROBLEM_NEED_LSE = 32        /* an `lse` [B, H, q_len] float32 is among the outputs */
};
/* One shape of the computation. text_len: trailing rows of q, k, v that are text. heads_global, head_offset and
 * their kv twins place this rank's heads (sp_world 1: the same as heads, 0). dropout_p is 0 outside training. */
typedef struct fvattn_problem {
  uint32_t size, flags;
  int64_t batch, q_len, kv_len;
  int32_t heads, kv_heads, head_dim, v_head_dim;
  uint8_t dtype_code, dtype_bits;
  uint16_t reserved0;
  int32_t layer_index, sp_world;
  uint32_t n_extra;
  double scale, dropout_p;
  const fvattn_spec* extra; /* further inputs */
  fvattn_kvs meta;          /* the metadata's key-values, as built */
  int64_t text_len, n_seqs, max_q_len, max_kv_len;
  int32_t sp_rank, heads_global, kv_heads_global, head_offset, kv_head_offset, reserved1;
} fvattn_problem;

/* Why a backend refuses; also bits of fvattn_support.reasons. */
#define FVATTN_R_ARCH (1ull << 0)
#define FVATTN_R_DRIVER (1ull << 1)
#define FVATTN_R_DTYPE (1ull << 2)
#define FVATTN_R_HEAD_DIM (1ull << 3)
#define FVATTN_R_GQA (1ull << 4)
#define FVATTN_R_MASK (1ull << 5)
#define FVATTN_R_CAUSAL (1ull << 6)
#define FVATTN_R_VARLEN (1ull << 7)
#define FVATTN_R_DROPOUT (1ull << 8)
#define FVATTN_R_BACKWARD (1ull << 9)
#define FVATTN_R_EXTRA_INPUT (1ull << 10)
#define FVATTN_R_META_MISSING (1ull << 11)
#define FVATTN_R_META_UNKNOWN (1ull << 12)
#define FVATTN_R_SHAPE (1ull << 13)
#define FVATTN_R_SMEM (1ull << 14)
#define FVATTN_R_MEMORY (1ull << 15)
#define FVATTN_R_CAPTURE (1ull << 16)
#define FVATTN_R_DETERMINISM (1ull << 17)
#define FVATTN_R_SP_LAYOUT (1ull << 18)
#define FVATTN_R_TEXT (1ull << 19)
#define FVATTN_R_LICENSE (1ull << 20)
#define FVATTN_R_VENDOR (1ull << 63)

typedef struct fvattn_note { uint64_t reason; char text[248]; } fvattn_note; /* frozen; text is NUL-terminated */

/* The answer of query. score: 0..1, expected fraction of the best known speed on this device. est_us: optional
 * cost estimate in microseconds, 0 unknown. n_notes <= cap_notes always; `reasons` stays complete without room. */
typedef struct fvattn_support {
  uint32_t size;
  int32_t supported;
  double score, est_us;
  uint64_t reasons;
  fvattn_note* notes;
  uint32_t cap_notes, n_notes;
} fvattn_support;

/* fvattn_plan.flags */
enum {
  FVATTN_PLAN_GRAPH_SAFE = 1,     /* may be captured in a CUDA graph */
  FVATTN_PLAN_GRAPH_PER_STEP = 2, /* a captured graph holds for one denoising step only */
  FVATTN_PLAN_DETERMINISTIC = 4,
  FVATTN_PLAN_HAS_PRE = 8, /* preprocess and postprocess are to be called */
  FVATTN_PLAN_HAS_POST = 16
};
/* What a problem needs. Sizes in bytes. The host sets size, cap_saved, saved, cap_outputs and outputs; when a
 * capacity is too small plan sets the counts and is called again. saved[i].name has no "saved:" prefix. `state` is
 * the plugin's, handed to each call as plan_state and freed by plan_free. */
typedef struct fvattn_plan {
  uint32_t size, flags;
  uint64_t ws_forward, ws_backward, ws_stage, ws_align;
  int64_t staged_q_len, staged_kv_len;
  fvattn_spec* saved;
  uint32_t cap_saved, n_saved;
  fvattn_spec* outputs;
  uint32_t cap_outputs, n_outputs;
  void* state;
} fvattn_plan;

/* Random numbers of one call; backward gets the values of its forward. The device pointers are set while capturing. */
typedef struct fvattn_rng { /* frozen */
  uint64_t seed, offset, graph_offset;
  const int64_t *seed_dev, *offset_dev;
} fvattn_rng;

/* A further input tensor. */
enum { FVATTN_TENSOR_REQUIRED = 1, FVATTN_TENSOR_DIFFERENTIABLE = 2 };
enum { FVATTN_SHARD_REPLICATED = 0, FVATTN_SHARD_SEQ_HEADS = 1, FVATTN_SHARD_HEADS = 2, FVATTN_SHARD_SEQ = 3 };
enum {
  FVATTN_DT_F64 = 1, FVATTN_DT_F32 = 2, FVATTN_DT_BF16 = 4, FVATTN_DT_F16 = 8,
  FVATTN_DT_BOOL = 16, FVATTN_DT_U8 = 32, FVATTN_DT_I32 = 64, FVATTN_DT_I64 = 128
};
typedef struct fvattn_tensor_key { /* frozen */
  fvattn_str name, doc;
  uint32_t flags;
  int32_t shard;
  int32_t ndim;    /* -1 any */
  uint32_t dtypes; /* bit set of FVATTN_DT_* */
} fvattn_tensor_key;

/* A metadata or option key. dflt.flags holds the flags below; dflt.kind is the main kind; `kinds` is the bit set
 * of accepted kinds, 1u << kind. */
enum {
  FVATTN_KEY_REQUIRED = 1,
  FVATTN_KEY_SEMANTIC = 2, /* changes the result */
  FVATTN_KEY_PER_STEP = 4  /* may change each step; not part of the plan's key; must not change a size */
};
typedef struct fvattn_meta_key { /* frozen */
  fvattn_kv dflt;
  uint32_t kinds, reserved;
  fvattn_str doc;
} fvattn_meta_key;

/* What an impl is made for. `nominal` has the constructor's values; every call carries its own problem. */
typedef struct fvattn_impl_desc {
  uint32_t size, flags;
  const fvattn_device* device;
  const fvattn_problem* nominal;
  fvattn_str prefix;
  fvattn_kvs options;
} fvattn_impl_desc;

/* fvattn_call.flags */
enum { FVATTN_CALL_CAPTURING = 1, FVATTN_CALL_CFG_NEGATIVE = 2 };
/* One call of a stage, forward, backward or describe. stream is a cudaStream_t, never NULL on a GPU, NULL on the
 * CPU; all work is enqueued on it. Workspace is uninitialised and differs from call to call. in and out are
 * ordered but should be looked up by name. step is the loop index of the denoising step, timestep the scheduler's. */
typedef struct fvattn_call {
  uint32_t size, flags;
  const fvattn_ext* ext;
  void* stream;
  const void* meta;
  int64_t step;
  double timestep;
  fvattn_buf workspace;
  const fvattn_arg *in, *out;
  uint32_t n_in, n_out;
  const fvattn_problem* problem;
  void* plan_state;
  const fvattn_rng* rng;
  int64_t total_steps; /* 0 unknown */
} fvattn_call;

/* fvattn_backend.flags */
enum { FVATTN_BACKEND_APPROXIMATE = 1 /* never chosen automatically */ };
/* One backend. `ctx` is its own; functions with `impl` get what create made. Threading: query, create, meta_build
 * and plan may be called from any thread at once; calls with one impl are serialised per stream by the host.
 * Required: query, create, destroy, plan, forward. Every other function is optional (NULL). */
typedef struct fvattn_backend {
  uint32_t size, flags;
  const fvattn_ext* ext;
  fvattn_str name, doc;
  const fvattn_meta_key* meta_keys;
  size_t n_meta_keys;
  const fvattn_tensor_key* tensor_keys;
  size_t n_tensor_keys;
  const fvattn_meta_key* option_keys;
  size_t n_option_keys;
  void* ctx;
  /* Can this problem run on this device? Pure, under 50 ms, no device work. OK even when the answer is no. */
  fvattn_status (*query)(void* ctx, const fvattn_device* device, const fvattn_problem* problem, fvattn_support* out,
                         fvattn_error* err);
  fvattn_status (*create)(void* ctx, const fvattn_impl_desc* desc, void** impl, fvattn_error* err);
  void (*destroy)(void* impl); /* NULL is allowed as argument */
  /* (optional) Builds the metadata of one denoising step from validated key-values, defaults filled in. Immutable
   * afterwards, shared by layers and threads. */
  fvattn_status (*meta_build)(void* ctx, const fvattn_device* device, fvattn_kvs kvs, void* stream, const void** meta,
                              fvattn_error* err);
  void (*meta_free)(const void* meta, void* stream); /* (optional) */
  fvattn_status (*plan)(void* impl, const fvattn_problem* problem, const void* meta, fvattn_plan* plan, fvattn_error* err);
  /* (optional) in: q k v and every seq+heads extra, out: the same names at the staged lengths. */
  fvattn_status (*preprocess)(void* impl, const fvattn_call* call, fvattn_error* err);
  /* in: q k v, extras; out: o, lse when asked, plan.outputs, saved:<n>. */
  fvattn_status (*forward)(void* impl, const fvattn_call* call, fvattn_error* err);
  fvattn_status (*postprocess)(void* impl, const fvattn_call* call, fvattn_error* err); /* (optional) in: o, out: o */
  /* (optional) in: q k v o d_o, extras, saved:<n>; out: d_q d_k d_v and d_<name> of differentiable extras. All in
   * raster order: a plugin transposes its own stages. */
  fvattn_status (*backward)(void* impl, const fvattn_call* call, fvattn_error* err);
  void (*plan_free)(void* impl, void* state); /* (optional) */
  /* (optional) What a call attends. First with out = {tile_counts i64[2]} alone, then with any of mask_tiles
   * u8[B,H,nq,nk], q_tile i32[q_len], k_tile i32[kv_len], pairs i64[]. Host memory. */
  fvattn_status (*describe)(void* impl, const fvattn_call* call, fvattn_error* err);
  /* (optional) Launches each kernel image once. */
  fvattn_status (*self_test)(void* ctx, const fvattn_device* device, void* stream, fvattn_error* err);
} fvattn_backend;

/* The plugin. Lives as long as the process: libraries are never unloaded. cuda_runtime and min_driver are CUDA's
 * integers, 0 when no CUDA is used. */
typedef struct fvattn_plugin {
  uint32_t size, abi_major, abi_minor, flags;
  const fvattn_ext* ext;
  fvattn_str id, version, publisher, build;
  int32_t cuda_runtime, min_driver;
  const fvattn_backend* const* backends;
  size_t n_backends;
  fvattn_status (*on_host_shutdown)(fvattn_error* err); /* (optional) advisory */
} fvattn_plugin;

typedef const fvattn_plugin* (*fvattn_plugin_entry_fn)(const fvattn_host* host, fvattn_error* err);

/* The one exported symbol. Returns NULL with *err filled to refuse. May be called more than once and from several
 * threads; returns the same table each time. The plugin keeps `host`. */
#if defined(__GNUC__)
__attribute__((visibility("default")))
#endif
const fvattn_plugin* fvattn_plugin_entry_v1(const fvattn_host* host, fvattn_error* err);

#ifdef __cplusplus
}
#endif
#endif /* FVATTN_PLUGIN_H */
