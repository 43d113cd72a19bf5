/* A whole plugin in plain C for tests: o = v, on the CPU. A bad plugin includes it and spoils one thing. */
#ifndef FVATTN_TESTS_TABLE_H
#define FVATTN_TESTS_TABLE_H

#include <fvattn/plugin.h>

#include <string.h>

#ifndef PLUGIN_ID
#define PLUGIN_ID "test.bad"
#endif
#ifndef BACKEND_NAME
#define BACKEND_NAME "BAD_ATTN"
#endif
#define STR(s) {s, sizeof(s) - 1}

static int instance;

static fvattn_status query(void* ctx, const fvattn_device* device, const fvattn_problem* problem, fvattn_support* out,
                           fvattn_error* err) {
  (void)ctx, (void)problem, (void)err;
  out->supported = device->type == FVATTN_CPU;
  out->score = 0.5;
  return FVATTN_OK;
}

static fvattn_status create(void* ctx, const fvattn_impl_desc* desc, void** impl, fvattn_error* err) {
  (void)ctx, (void)desc, (void)err;
  *impl = &instance;
  return FVATTN_OK;
}

static void destroy(void* impl) { (void)impl; }

static fvattn_status plan(void* impl, const fvattn_problem* problem, const void* meta, fvattn_plan* out, fvattn_error* err) {
  (void)impl, (void)problem, (void)meta, (void)err;
  out->flags = FVATTN_PLAN_DETERMINISTIC;
  return FVATTN_OK;
}

/* in[0] is v and out[0] is o, both contiguous float32 of one length: all that the tests pass. */
static fvattn_status forward(void* impl, const fvattn_call* call, fvattn_error* err) {
  (void)impl, (void)err;
  const fvattn_tensor *v = &call->in[0].t, *o = &call->out[0].t;
  memcpy(o->data, v->data, (size_t)v->shape[0] * sizeof(float));
  return FVATTN_OK;
}

static fvattn_backend backend = {.size = sizeof backend, .name = STR(BACKEND_NAME), .doc = STR("o = v"), .query = query,
                                 .create = create, .destroy = destroy, .plan = plan, .forward = forward};
static const fvattn_backend* const backends[] = {&backend};
static fvattn_plugin plugin = {.size = sizeof plugin, .abi_major = FVATTN_ABI_MAJOR, .abi_minor = FVATTN_ABI_MINOR,
                               .id = STR(PLUGIN_ID), .version = STR("1.0"), .publisher = STR("test"), .backends = backends,
                               .n_backends = 1};

#endif
