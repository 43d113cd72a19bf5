/* Keys of every kind, extra tensors, the answer of query, and metadata made from key-values. */
#include "every_slot.h"

#include <stdlib.h>

static const int64_t no_integers[1];
static const double no_numbers[1];
static int64_t one_zero_shape[] = {1}, one_zero_strides[] = {1};
static int32_t one_zero[] = {0};
static const fvattn_tensor zero_tensor = {
  .data = one_zero, .device_type = FVATTN_CPU, .ndim = 1, .dtype_code = FVATTN_DTYPE_INT, .dtype_bits = 32,
  .dtype_lanes = 1, .shape = one_zero_shape, .strides = one_zero_strides};

#define KEY(name, kind_, count_, field, value, flags_, doc_)                                               \
  {.dflt = {.key = STR(name), .kind = kind_, .flags = flags_, .count = count_, .v = {.field = value}},   \
   .kinds = 1u << kind_, .doc = STR(doc_)}
const fvattn_meta_key every_slot_meta_keys[7] = {
  KEY("es_int", FVATTN_I64, 1, i64, 0, FVATTN_KEY_SEMANTIC, "added to the factor"),
  KEY("es_number", FVATTN_F64, 1, f64, 1.0, FVATTN_KEY_SEMANTIC | FVATTN_KEY_PER_STEP, "the factor itself"),
  KEY("es_bool", FVATTN_BOOL, 1, i64, 0, FVATTN_KEY_SEMANTIC, "doubles es_number"),
  KEY("es_string", FVATTN_STR, 4, str, "none", FVATTN_KEY_SEMANTIC, "\"half\" adds 0.5"),
  KEY("es_ints", FVATTN_I64S, 0, i64s, no_integers, FVATTN_KEY_SEMANTIC, "their sum is added"),
  KEY("es_numbers", FVATTN_F64S, 0, f64s, no_numbers, FVATTN_KEY_SEMANTIC, "their sum is added"),
  KEY("es_tensor", FVATTN_TENSOR, 1, tensor, &zero_tensor, FVATTN_KEY_SEMANTIC, "int32 in host memory: its sum is added")};
const fvattn_meta_key every_slot_option_keys[1] = {
  KEY("es_gain", FVATTN_F64, 1, f64, 1.0, FVATTN_KEY_SEMANTIC, "multiplies the result of a layer")};

const fvattn_tensor_key every_slot_tensor_keys[2] = {
  {.name = STR("es_bias"), .doc = STR("added to the result"), .flags = FVATTN_TENSOR_DIFFERENTIABLE,
   .shard = FVATTN_SHARD_SEQ_HEADS, .ndim = 4, .dtypes = FVATTN_DT_F32},
  {.name = STR("es_head_scale"), .doc = STR("one multiplier a head"), .shard = FVATTN_SHARD_HEADS, .ndim = 1,
   .dtypes = FVATTN_DT_F32}};

static void refuse(fvattn_support* out, uint64_t reason, const char* text) {
  out->supported = 0;
  out->reasons |= reason;
  if (out->n_notes >= out->cap_notes) return;
  fvattn_note* note = &out->notes[out->n_notes++];
  note->reason = reason;
  strncpy(note->text, text, sizeof note->text - 1);
  note->text[sizeof note->text - 1] = 0;
}

fvattn_status query(void* ctx, const fvattn_device* device, const fvattn_problem* p, fvattn_support* out,
                    fvattn_error* err) {
  (void)ctx, (void)err;
  out->supported = 1;
  out->score = 0.01;
  if (device->type != FVATTN_CPU) refuse(out, FVATTN_R_ARCH, "it runs on the CPU");
  if (p->dtype_code != FVATTN_DTYPE_FLOAT || p->dtype_bits != 32) refuse(out, FVATTN_R_DTYPE, "float32 is accepted");
  if (p->flags & FVATTN_PROBLEM_CAUSAL) refuse(out, FVATTN_R_CAUSAL, "it is not causal");
  if (p->flags & FVATTN_PROBLEM_VARLEN) refuse(out, FVATTN_R_VARLEN, "one length for all sequences is accepted");
  for (uint32_t i = 0; i < p->n_extra; ++i)
    if (!is(p->extra[i].name, "es_bias") && !is(p->extra[i].name, "es_head_scale"))
      refuse(out, FVATTN_R_EXTRA_INPUT, "es_bias and es_head_scale are the extra tensors it takes");
  return FVATTN_OK;
}

fvattn_status meta_build(void* ctx, const fvattn_device* device, fvattn_kvs kvs, void* stream, const void** meta,
                         fvattn_error* err) {
  (void)ctx, (void)device, (void)stream;
  double factor = 0;
  for (size_t i = 0; i < kvs.n; ++i) {
    const fvattn_kv* kv = &kvs.p[i];
    if (is(kv->key, "es_int")) factor += (double)kv->v.i64;
    if (is(kv->key, "es_number")) {
      const fvattn_kv* twice = key(kvs, "es_bool");
      factor += kv->v.f64 * (twice && twice->v.i64 ? 2 : 1);
    }
    if (is(kv->key, "es_string") && strcmp(kv->v.str, "half") == 0) factor += 0.5;
    for (uint64_t n = 0; n < kv->count; ++n) {
      if (kv->kind == FVATTN_I64S) factor += (double)kv->v.i64s[n];
      if (kv->kind == FVATTN_F64S) factor += kv->v.f64s[n];
    }
    if (kv->kind == FVATTN_TENSOR) {
      const fvattn_tensor* t = kv->v.tensor;
      if (t->device_type != FVATTN_CPU || t->dtype_code != FVATTN_DTYPE_INT || t->dtype_bits != 32 || t->ndim > 2)
        return fail(err, FVATTN_INVALID_ARGUMENT, "es_tensor must be an int32 vector or matrix in host memory");
      const int64_t rows = t->ndim == 2 ? t->shape[0] : 1, columns = t->ndim ? t->shape[t->ndim - 1] : 1;
      for (int64_t r = 0; r < rows; ++r)
        for (int64_t c = 0; c < columns; ++c) {
          const int64_t index = (t->ndim == 2 ? r * t->strides[0] : 0) + (t->ndim ? c * t->strides[t->ndim - 1] : 0);
          factor += ((const int32_t*)((const char*)t->data + t->byte_offset))[index];
        }
    }
  }
  metadata* built = malloc(sizeof *built);
  if (!built) return fail(err, FVATTN_RESOURCE_EXHAUSTED, "out of host memory");
  built->factor = factor;
  *meta = built;
  return FVATTN_OK;
}

void meta_free(const void* meta, void* stream) {
  (void)stream;
  free((void*)meta);
}
