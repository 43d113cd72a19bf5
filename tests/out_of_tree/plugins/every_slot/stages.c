/* preprocess and postprocess: raster row r of n is staged row pad + n - 1 - r; the rows before pad are zero. */
#include "every_slot.h"

static void reverse(const fvattn_tensor* raster, const fvattn_tensor* staged, int64_t pad, int to_staged) {
  const int64_t n = raster->shape[1];
  for (int64_t b = 0; b < raster->shape[0]; ++b)
    for (int64_t h = 0; h < raster->shape[2]; ++h) {
      const size_t bytes = (size_t)raster->shape[3] * sizeof(float);
      for (int64_t s = 0; to_staged && s < pad; ++s) memset(at(staged, b, s, h), 0, bytes);
      for (int64_t r = 0; r < n; ++r) {
        float *here = at(raster, b, r, h), *there = at(staged, b, pad + n - 1 - r, h);
        if (to_staged) memcpy(there, here, bytes);
        else memcpy(here, there, bytes);
      }
    }
}

fvattn_status preprocess(void* self, const fvattn_call* call, fvattn_error* err) {
  (void)self;
  const plan_state* state = call->plan_state;
  for (uint32_t i = 0; i < call->n_out; ++i) {
    const fvattn_arg* out = &call->out[i];
    const int is_key = is(out->name, "k") || is(out->name, "v");
    const fvattn_tensor* in = NULL;
    for (uint32_t n = 0; n < call->n_in; ++n)
      if (call->in[n].name.n == out->name.n && !memcmp(call->in[n].name.p, out->name.p, out->name.n)) in = &call->in[n].t;
    const int64_t pad = is_key ? state->pad_k : state->pad_q;
    if (!in || out->t.shape[1] != in->shape[1] + pad)
      return fail(err, FVATTN_INVALID_ARGUMENT, "preprocess: a staged length is wrong");
    reverse(in, &out->t, pad, 1);
  }
  return FVATTN_OK;
}

fvattn_status postprocess(void* self, const fvattn_call* call, fvattn_error* err) {
  (void)self;
  const plan_state* state = call->plan_state;
  const fvattn_tensor *in = find(call->in, call->n_in, "o"), *out = find(call->out, call->n_out, "o");
  if (!in || !out || in->shape[1] != out->shape[1] + state->pad_q)
    return fail(err, FVATTN_INVALID_ARGUMENT, "postprocess: o is missing or has a wrong length");
  reverse(out, in, state->pad_q, 0);
  return FVATTN_OK;
}
