/* A backend in plain C against fvattn/plugin.h alone: every key weighs the same, so o is the mean of v.
 * It approximates (flag), hence nobody gets it without asking for it by name. */
#include <fvattn/plugin.h>
#include <string.h>

#define STR(s) {s, sizeof(s) - 1}

static int impl; /* no state: one object serves all layers */

static void refuse(fvattn_support* out, uint64_t reason, const char* text) {
  out->supported = 0;
  out->reasons |= reason;
  if (out->n_notes >= out->cap_notes) return;
  fvattn_note* note = &out->notes[out->n_notes++];
  note->reason = reason;
  strncpy(note->text, text, sizeof note->text - 1);
  note->text[sizeof note->text - 1] = 0;
}

static fvattn_status query(void* ctx, const fvattn_device* device, const fvattn_problem* p, fvattn_support* out,
                           fvattn_error* err) {
  (void)ctx, (void)err;
  out->supported = 1;
  out->score = 0.01;
  if (device->type != FVATTN_CPU) refuse(out, FVATTN_R_ARCH, "runs on the CPU only");
  if (p->dtype_code != FVATTN_DTYPE_FLOAT || p->dtype_bits != 32) refuse(out, FVATTN_R_DTYPE, "float32 only");
  if (p->flags & FVATTN_PROBLEM_CAUSAL) refuse(out, FVATTN_R_CAUSAL, "causal would need one mean per row");
  if (p->flags & FVATTN_PROBLEM_VARLEN) refuse(out, FVATTN_R_VARLEN, "one length for all sequences");
  if (p->flags & FVATTN_PROBLEM_NEED_LSE) refuse(out, FVATTN_R_EXTRA_INPUT, "it gives no lse");
  /* What a backend does not know it refuses; it never ignores it. */
  if (p->n_extra > 0) refuse(out, FVATTN_R_EXTRA_INPUT, "q, k and v are all it takes");
  if (p->flags & FVATTN_PROBLEM_NEED_GRAD) refuse(out, FVATTN_R_BACKWARD, "it has no backward");
  if (p->dropout_p > 0) refuse(out, FVATTN_R_DROPOUT, "no dropout");
  return FVATTN_OK;
}

static fvattn_status create(void* ctx, const fvattn_impl_desc* desc, void** out, fvattn_error* err) {
  (void)ctx, (void)desc, (void)err;
  *out = &impl;
  return FVATTN_OK;
}
static void destroy(void* self) { (void)self; }

static fvattn_status plan(void* self, const fvattn_problem* p, const void* meta, fvattn_plan* out, fvattn_error* err) {
  (void)self, (void)p, (void)meta, (void)err;
  out->flags = FVATTN_PLAN_DETERMINISTIC;
  return FVATTN_OK;
}

static const fvattn_tensor* find(const fvattn_arg* args, uint32_t n, const char* name) {
  for (uint32_t i = 0; i < n; ++i)
    if (args[i].name.n == strlen(name) && memcmp(args[i].name.p, name, args[i].name.n) == 0) return &args[i].t;
  return NULL;
}
static float* at(const fvattn_tensor* t, int64_t b, int64_t s, int64_t h) {
  return (float*)((char*)t->data + t->byte_offset) + b * t->strides[0] + s * t->strides[1] + h * t->strides[2];
}

static fvattn_status forward(void* self, const fvattn_call* call, fvattn_error* err) {
  (void)self, (void)err;
  const fvattn_tensor *v = find(call->in, call->n_in, "v"), *o = find(call->out, call->n_out, "o");
  const int64_t keys = v->shape[1], group = o->shape[2] / v->shape[2];
  for (int64_t b = 0; b < o->shape[0]; ++b)
    for (int64_t h = 0; h < o->shape[2]; ++h)
      for (int64_t d = 0; d < o->shape[3]; ++d) {
        double sum = 0;
        for (int64_t j = 0; j < keys; ++j) sum += at(v, b, j, h / group)[d];
        for (int64_t i = 0; i < o->shape[1]; ++i) at(o, b, i, h)[d] = keys ? (float)(sum / (double)keys) : 0.0f;
      }
  return FVATTN_OK;
}

static const fvattn_backend backend = {
  .size = sizeof backend, .flags = FVATTN_BACKEND_APPROXIMATE, .name = STR("UNIFORM_ATTN"),
  .doc = STR("the mean of the values"), .query = query, .create = create, .destroy = destroy, .plan = plan,
  .forward = forward};
static const fvattn_backend* const backends[] = {&backend};
static const fvattn_plugin plugin = {
  .size = sizeof plugin, .abi_major = FVATTN_ABI_MAJOR, .abi_minor = FVATTN_ABI_MINOR, .id = STR("org.example.uniform"),
  .version = STR("0.1.0"), .publisher = STR("Example"), .backends = backends, .n_backends = 1};

const fvattn_plugin* fvattn_plugin_entry_v1(const fvattn_host* host, fvattn_error* err) {
  (void)host, (void)err; /* a plugin that calls back keeps `host` */
  return &plugin;
}
