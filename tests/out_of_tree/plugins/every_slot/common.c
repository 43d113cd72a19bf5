#include "every_slot.h"

fvattn_status fail(fvattn_error* err, fvattn_status status, const char* text) {
  if (!err) return status;
  err->code = status;
  err->msg_len = 0;
  if (err->msg) {
    size_t n = strlen(text);
    if (n > err->msg_cap) n = err->msg_cap;
    memcpy(err->msg, text, n);
    err->msg_len = (uint32_t)n;
  }
  return status;
}

int is(fvattn_str s, const char* text) { return s.n == strlen(text) && memcmp(s.p, text, s.n) == 0; }

const fvattn_tensor* find(const fvattn_arg* args, uint32_t n, const char* name) {
  for (uint32_t i = 0; i < n; ++i)
    if (is(args[i].name, name)) return &args[i].t;
  return NULL;
}

const fvattn_kv* key(fvattn_kvs kvs, const char* name) {
  for (size_t i = 0; i < kvs.n; ++i)
    if (is(kvs.p[i].key, name)) return &kvs.p[i];
  return NULL;
}

float* at(const fvattn_tensor* t, int64_t b, int64_t s, int64_t h) {
  return (float*)((char*)t->data + t->byte_offset) + b * t->strides[0] + s * t->strides[1] + h * t->strides[2];
}
