/* backward: raster tensors in and out, probabilities as forward saved them. */
#include "every_slot.h"

static void clear(const fvattn_tensor* t) {
  for (int64_t b = 0; b < t->shape[0]; ++b)
    for (int64_t s = 0; s < t->shape[1]; ++s)
      for (int64_t h = 0; h < t->shape[2]; ++h) memset(at(t, b, s, h), 0, (size_t)t->shape[3] * sizeof(float));
}

fvattn_status backward(void* self, const fvattn_call* call, fvattn_error* err) {
  const fvattn_problem* p = call->problem;
  const fvattn_tensor *q = find(call->in, call->n_in, "q"), *k = find(call->in, call->n_in, "k");
  const fvattn_tensor *v = find(call->in, call->n_in, "v"), *d_o = find(call->in, call->n_in, "d_o");
  const fvattn_tensor* probability = find(call->in, call->n_in, "saved:probability");
  const fvattn_tensor *d_q = find(call->out, call->n_out, "d_q"), *d_k = find(call->out, call->n_out, "d_k");
  const fvattn_tensor *d_v = find(call->out, call->n_out, "d_v"), *d_bias = find(call->out, call->n_out, "d_es_bias");
  if (!probability) return fail(err, FVATTN_INVALID_ARGUMENT, "saved:probability did not come back");
  if (call->workspace.bytes < (uint64_t)p->kv_len * sizeof(double))
    return fail(err, FVATTN_INTERNAL, "the workspace is smaller than planned");
  double* dp = call->workspace.p;
  const int64_t group = p->heads / p->kv_heads;
  clear(d_q), clear(d_k), clear(d_v);
  for (int64_t b = 0; b < p->batch; ++b)
    for (int64_t h = 0; h < p->heads; ++h) {
      const double times = multiplier(self, call, h);
      for (int64_t i = 0; i < p->q_len; ++i) {
        const float *out = at(d_o, b, i, h), *row = at(probability, b, h, i), *q_row = at(q, b, i, h);
        double dot = 0;
        for (int64_t j = 0; j < p->kv_len; ++j) {
          const double kept = keep(call, b, h, i, j) * times;
          const float* v_row = at(v, b, j, h / group);
          dp[j] = 0;
          for (int32_t d = 0; d < p->v_head_dim; ++d) {
            dp[j] += kept * out[d] * v_row[d];
            at(d_v, b, j, h / group)[d] += (float)(kept * row[j] * out[d]);
          }
          dot += row[j] * dp[j];
        }
        for (int64_t j = 0; j < p->kv_len; ++j) {
          const double ds = row[j] * (dp[j] - dot) * p->scale;
          for (int32_t d = 0; d < p->head_dim; ++d) {
            at(d_q, b, i, h)[d] += (float)(ds * at(k, b, j, h / group)[d]);
            at(d_k, b, j, h / group)[d] += (float)(ds * q_row[d]);
          }
        }
        if (d_bias) memcpy(at(d_bias, b, i, h), out, (size_t)p->v_head_dim * sizeof(float));
      }
    }
  return FVATTN_OK;
}
