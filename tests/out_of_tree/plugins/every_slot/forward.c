/* forward (on staged tensors), dropout and describe. */
#include "every_slot.h"

#include <math.h>

double keep(const fvattn_call* call, int64_t b, int64_t h, int64_t i, int64_t j) {
  const fvattn_problem* p = call->problem;
  if (p->dropout_p <= 0) return 1;
  const uint64_t row = (uint64_t)((b * p->heads_global + p->head_offset + h) * p->q_len + i);
  const uint64_t where = row * (uint64_t)p->kv_len + (uint64_t)j;
  uint64_t x = call->rng->seed * 0x9E3779B97F4A7C15ull + call->rng->offset + where; /* splitmix64 */
  x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9ull;
  x = (x ^ x >> 27) * 0x94D049BB133111EBull;
  return (double)((x ^ x >> 31) >> 11) * 0x1p-53 < p->dropout_p ? 0 : 1 / (1 - p->dropout_p);
}

double multiplier(const impl* self, const fvattn_call* call, int64_t h) {
  const metadata* meta = call->meta;
  const fvattn_tensor* scale = find(call->in, call->n_in, "es_head_scale");
  const float* of_heads = scale ? (const float*)((const char*)scale->data + scale->byte_offset) : NULL;
  return self->gain * (meta ? meta->factor : 1) * (of_heads ? of_heads[h * scale->strides[0]] : 1);
}

typedef struct job {
  const impl* self;
  const fvattn_call* call;
  const fvattn_tensor *q, *k, *v, *o, *bias, *lse, *probability, *row_sum;
  double* weights; /* workspace: [batch * heads, kv_len] */
  double* kept;    /* from device_alloc: the same shape */
} job;

static void element(const fvattn_tensor* t, int64_t b, int64_t h, int64_t i, double value) {
  char* base = (char*)t->data + t->byte_offset;
  const int64_t index = b * t->strides[0] + h * t->strides[1] + i * t->strides[2];
  if (t->dtype_bits == 64) ((double*)base)[index] = value;
  else ((float*)base)[index] = (float)value;
}

static void heads(void* arg, int64_t lo, int64_t hi) {
  const job* x = arg;
  const fvattn_problem* p = x->call->problem;
  const plan_state* state = x->call->plan_state;
  const int64_t nq = p->q_len, nk = p->kv_len, group = p->heads / p->kv_heads;
  for (int64_t bh = lo; bh < hi; ++bh) {
    const int64_t b = bh / p->heads, h = bh % p->heads;
    double *w = x->weights + bh * nk, *kept = x->kept + bh * nk;
    const double times = multiplier(x->self, x->call, h);
    for (int64_t s = 0; s < state->pad_q; ++s) memset(at(x->o, b, s, h), 0, (size_t)p->v_head_dim * sizeof(float));
    for (int64_t i = 0; i < nq; ++i) {
      const int64_t staged = state->pad_q + nq - 1 - i;
      const float* q = at(x->q, b, staged, h);
      double top = -INFINITY, sum = 0;
      for (int64_t j = 0; j < nk; ++j) {
        const float* k = at(x->k, b, state->pad_k + nk - 1 - j, h / group);
        double dot = 0;
        for (int32_t d = 0; d < p->head_dim; ++d) dot += (double)q[d] * k[d];
        w[j] = dot * p->scale;
        kept[j] = keep(x->call, b, h, i, j);
        if (w[j] > top) top = w[j];
      }
      for (int64_t j = 0; j < nk; ++j) sum += w[j] = exp(w[j] - top);
      float* o = at(x->o, b, staged, h);
      for (int32_t d = 0; d < p->v_head_dim; ++d) {
        double value = 0;
        for (int64_t j = 0; j < nk; ++j)
          value += w[j] / sum * kept[j] * at(x->v, b, state->pad_k + nk - 1 - j, h / group)[d];
        o[d] = (float)(times * value + (x->bias ? at(x->bias, b, staged, h)[d] : 0));
      }
      if (x->lse) element(x->lse, b, h, i, top + log(sum));
      if (x->row_sum) element(x->row_sum, b, h, i, sum);
      for (int64_t j = 0; x->probability && j < nk; ++j) at(x->probability, b, h, i)[j] = (float)(w[j] / sum);
    }
  }
}

fvattn_status forward(void* self, const fvattn_call* call, fvattn_error* err) {
  const fvattn_problem* p = call->problem;
  const fvattn_host* host = every_slot_host;
  for (const fvattn_ext* ext = call->ext; ext; ext = ext->next)
    if (ext->type & FVATTN_EXT_CRITICAL) return fail(err, FVATTN_UNIMPLEMENTED, "a critical extension is not known here");
  job x = {.self = self, .call = call};
  x.q = find(call->in, call->n_in, "q"), x.k = find(call->in, call->n_in, "k"), x.v = find(call->in, call->n_in, "v");
  x.bias = find(call->in, call->n_in, "es_bias");
  x.o = find(call->out, call->n_out, "o"), x.lse = find(call->out, call->n_out, "lse");
  x.probability = find(call->out, call->n_out, "saved:probability"), x.row_sum = find(call->out, call->n_out, "es_row_sum");
  const uint64_t bytes = (uint64_t)(p->batch * p->heads * p->kv_len) * sizeof(double);
  if (call->workspace.bytes < bytes) return fail(err, FVATTN_INTERNAL, "the workspace is smaller than planned");
  if (!x.row_sum) return fail(err, FVATTN_INVALID_ARGUMENT, "the planned output es_row_sum did not come");
  fvattn_buf kept = {0};
  const fvattn_status status = host->device_alloc(host->ctx, -1, call->stream, bytes ? bytes : 1, 64, &kept, err);
  if (status != FVATTN_OK) return status;
  x.weights = call->workspace.p, x.kept = kept.p;
  host->range_push(host->ctx, (fvattn_str)STR("every_slot forward"));
  host->parallel_for(host->ctx, p->batch * p->heads, 1, heads, &x);
  host->range_pop(host->ctx);
  host->record_stream(host->ctx, -1, kept, call->stream);
  host->device_free(host->ctx, -1, call->stream, kept);
  return FVATTN_OK;
}

/* Everything is attended: tiles of TILE rows on both sides. */
fvattn_status describe(void* self, const fvattn_call* call, fvattn_error* err) {
  (void)self, (void)err;
  const fvattn_problem* p = call->problem;
  for (uint32_t n = 0; n < call->n_out; ++n) {
    const fvattn_tensor* t = &call->out[n].t;
    void* data = (char*)t->data + t->byte_offset;
    if (is(call->out[n].name, "tile_counts")) {
      ((int64_t*)data)[0] = (p->q_len + TILE - 1) / TILE;
      ((int64_t*)data)[1] = (p->kv_len + TILE - 1) / TILE;
    } else if (is(call->out[n].name, "mask_tiles")) {
      memset(data, 1, (size_t)(t->shape[0] * t->shape[1] * t->shape[2] * t->shape[3]));
    } else if (is(call->out[n].name, "q_tile") || is(call->out[n].name, "k_tile")) {
      for (int64_t i = 0; i < t->shape[0]; ++i) ((int32_t*)data)[i] = (int32_t)(i / TILE);
    } else if (is(call->out[n].name, "pairs")) {
      *(int64_t*)data = p->batch * p->heads * p->q_len * p->kv_len;
    }
  }
  return FVATTN_OK;
}
