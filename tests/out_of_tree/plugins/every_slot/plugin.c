/* The table, the plan, and the entry. */
#include "every_slot.h"

#include <stdlib.h>

const fvattn_host* every_slot_host;

static fvattn_status create(void* ctx, const fvattn_impl_desc* desc, void** out, fvattn_error* err) {
  (void)ctx;
  impl* self = malloc(sizeof *self);
  if (!self) return fail(err, FVATTN_RESOURCE_EXHAUSTED, "out of host memory");
  const fvattn_kv* gain = key(desc->options, "es_gain");
  self->gain = gain ? gain->v.f64 : 1;
  *out = self;
  return FVATTN_OK;
}
static void destroy(void* self) { free(self); }

static fvattn_spec spec(fvattn_str name, uint8_t bits, int64_t b, int64_t h, int64_t n, int64_t m) {
  const fvattn_spec s = {.name = name, .dtype_code = FVATTN_DTYPE_FLOAT, .dtype_bits = bits, .ndim = m < 0 ? 3 : 4,
                         .dim = {b, h, n, m < 0 ? 0 : m}};
  return s;
}

static fvattn_status plan(void* self, const fvattn_problem* p, const void* meta, fvattn_plan* out, fvattn_error* err) {
  (void)self, (void)meta;
  out->flags = FVATTN_PLAN_DETERMINISTIC | FVATTN_PLAN_HAS_PRE | FVATTN_PLAN_HAS_POST;
  out->ws_forward = (uint64_t)(p->batch * p->heads * p->kv_len) * sizeof(double);
  out->ws_backward = (uint64_t)p->kv_len * sizeof(double);
  out->ws_stage = 0;
  out->ws_align = 64;
  out->staged_q_len = p->q_len + PAD_Q;
  out->staged_kv_len = p->kv_len + PAD_K;
  out->n_saved = out->n_outputs = 1;
  out->state = NULL;
  if (out->cap_saved < 1 || out->cap_outputs < 1) return FVATTN_OK; /* called again with room */
  out->saved[0] = spec((fvattn_str)STR("probability"), 32, p->batch, p->heads, p->q_len, p->kv_len);
  out->outputs[0] = spec((fvattn_str)STR("es_row_sum"), 64, p->batch, p->heads, p->q_len, -1);
  plan_state* state = malloc(sizeof *state);
  if (!state) return fail(err, FVATTN_RESOURCE_EXHAUSTED, "out of host memory");
  state->pad_q = PAD_Q, state->pad_k = PAD_K;
  out->state = state;
  return FVATTN_OK;
}
static void plan_free(void* self, void* state) {
  (void)self;
  free(state);
}

static fvattn_status self_test(void* ctx, const fvattn_device* device, void* stream, fvattn_error* err) {
  (void)ctx, (void)stream;
  return device->type == FVATTN_CPU ? FVATTN_OK : fail(err, FVATTN_UNIMPLEMENTED, "there is no device code to test");
}
static fvattn_status on_host_shutdown(fvattn_error* err) {
  (void)err;
  return FVATTN_OK;
}

static const fvattn_backend backend = {
  .size = sizeof backend, .flags = FVATTN_BACKEND_APPROXIMATE, .name = STR("EVERY_SLOT_ATTN"),
  .doc = STR("attention times a factor, through every slot of the ABI"), .meta_keys = every_slot_meta_keys, .n_meta_keys = 7,
  .tensor_keys = every_slot_tensor_keys, .n_tensor_keys = 2, .option_keys = every_slot_option_keys, .n_option_keys = 1,
  .query = query, .create = create, .destroy = destroy, .meta_build = meta_build, .meta_free = meta_free, .plan = plan,
  .preprocess = preprocess, .forward = forward, .postprocess = postprocess, .backward = backward, .plan_free = plan_free,
  .describe = describe, .self_test = self_test};
static const fvattn_backend* const backends[] = {&backend};
static const fvattn_plugin plugin = {.size = sizeof plugin, .abi_major = FVATTN_ABI_MAJOR, .abi_minor = FVATTN_ABI_MINOR,
  .id = STR("org.example.every_slot"), .version = STR("0.1.0"), .publisher = STR("Example"), .build = STR("plain C"),
  .backends = backends, .n_backends = 1, .on_host_shutdown = on_host_shutdown};

const fvattn_plugin* fvattn_plugin_entry_v1(const fvattn_host* host, fvattn_error* err) {
  if (!host || host->abi_major != FVATTN_ABI_MAJOR || !FVATTN_HAS(host, record_stream)) {
    fail(err, FVATTN_FAILED_PRECONDITION, "the host's table is not that of ABI 1.0");
    return NULL;
  }
  every_slot_host = host;
  if (host->get_extension && !host->get_extension(host->ctx, (fvattn_str)STR("org.example.none"), 1))
    host->log(host->ctx, FVATTN_LOG_DEBUG, (fvattn_str)STR("every_slot: started"));
  return &plugin;
}
