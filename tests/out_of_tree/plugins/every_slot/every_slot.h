/* A backend in plain C that uses every slot of the ABI. Its result is exact attention times a factor from metadata and
 * options, plus a bias; its stages reverse and pad the sequence, so that a host that skips one gives wrong results. */
#ifndef EVERY_SLOT_H
#define EVERY_SLOT_H

#include <fvattn/plugin.h>

#include <string.h>

#define STR(s) {s, sizeof(s) - 1}
enum { PAD_Q = 3, PAD_K = 5, TILE = 16 };

typedef struct impl { double gain; } impl;
typedef struct metadata { double factor; } metadata;
typedef struct plan_state { int64_t pad_q, pad_k; } plan_state;

extern const fvattn_host* every_slot_host;

/* Fills *err (which may be NULL) and returns the status. */
fvattn_status fail(fvattn_error* err, fvattn_status status, const char* text);
int is(fvattn_str s, const char* text);
/* NULL when there is none of that name. */
const fvattn_tensor* find(const fvattn_arg* args, uint32_t n, const char* name);
const fvattn_kv* key(fvattn_kvs kvs, const char* name);
/* Row (b, s, h) of a float32 tensor. */
float* at(const fvattn_tensor* t, int64_t b, int64_t s, int64_t h);

extern const fvattn_meta_key every_slot_meta_keys[7];
extern const fvattn_meta_key every_slot_option_keys[1];
extern const fvattn_tensor_key every_slot_tensor_keys[2];
fvattn_status query(void* ctx, const fvattn_device* device, const fvattn_problem* p, fvattn_support* out, fvattn_error* err);
fvattn_status meta_build(void* ctx, const fvattn_device* device, fvattn_kvs kvs, void* stream, const void** meta,
                         fvattn_error* err);
void meta_free(const void* meta, void* stream);

fvattn_status preprocess(void* self, const fvattn_call* call, fvattn_error* err);
fvattn_status postprocess(void* self, const fvattn_call* call, fvattn_error* err);
fvattn_status forward(void* self, const fvattn_call* call, fvattn_error* err);
fvattn_status backward(void* self, const fvattn_call* call, fvattn_error* err);
fvattn_status describe(void* self, const fvattn_call* call, fvattn_error* err);
/* What dropout multiplies probability (b, h, i, j) with; the same in forward and backward. */
double keep(const fvattn_call* call, int64_t b, int64_t h, int64_t i, int64_t j);
/* gain * factor * es_head_scale[h] */
double multiplier(const impl* self, const fvattn_call* call, int64_t h);

#endif
