/* Checks the layout at compile time. The same file is compiled as C11, C++17, C++20 and by nvcc, with -Wpadded -Werror. */
#include <fvattn/plugin.h>

#if defined(__cplusplus)
#define CHECK(...) static_assert(__VA_ARGS__, #__VA_ARGS__);
#else
#define CHECK(...) _Static_assert(__VA_ARGS__, #__VA_ARGS__);
#endif
#define SIZE(type, bytes) CHECK(sizeof(type) == bytes)
#define AT(type, member, bytes) CHECK(offsetof(type, member) == bytes)
#include "golden_layout.inc"

/* DLPack 1.0's DLTensor, member by member: {void* data; DLDevice{int32 device_type, device_id}; int32 ndim;
 * DLDataType{uint8 code, bits; uint16 lanes}; int64* shape; int64* strides; uint64 byte_offset}. */
typedef struct { int32_t device_type, device_id; } dl_device;
typedef struct { uint8_t code, bits; uint16_t lanes; } dl_data_type;
typedef struct {
  void* data;
  dl_device device;
  int32_t ndim;
  dl_data_type dtype;
  int64_t *shape, *strides;
  uint64_t byte_offset;
} dl_tensor;
CHECK(sizeof(dl_tensor) == sizeof(fvattn_tensor))
CHECK(offsetof(dl_tensor, data) == offsetof(fvattn_tensor, data))
CHECK(offsetof(dl_tensor, device) + offsetof(dl_device, device_type) == offsetof(fvattn_tensor, device_type))
CHECK(offsetof(dl_tensor, device) + offsetof(dl_device, device_id) == offsetof(fvattn_tensor, device_id))
CHECK(offsetof(dl_tensor, ndim) == offsetof(fvattn_tensor, ndim))
CHECK(offsetof(dl_tensor, dtype) + offsetof(dl_data_type, code) == offsetof(fvattn_tensor, dtype_code))
CHECK(offsetof(dl_tensor, dtype) + offsetof(dl_data_type, bits) == offsetof(fvattn_tensor, dtype_bits))
CHECK(offsetof(dl_tensor, dtype) + offsetof(dl_data_type, lanes) == offsetof(fvattn_tensor, dtype_lanes))
CHECK(offsetof(dl_tensor, shape) == offsetof(fvattn_tensor, shape))
CHECK(offsetof(dl_tensor, strides) == offsetof(fvattn_tensor, strides))
CHECK(offsetof(dl_tensor, byte_offset) == offsetof(fvattn_tensor, byte_offset))

/* Values are never reused either. */
CHECK(FVATTN_OK == 0 && FVATTN_INVALID_ARGUMENT == 3 && FVATTN_RESOURCE_EXHAUSTED == 8 && FVATTN_FAILED_PRECONDITION == 9)
CHECK(FVATTN_UNIMPLEMENTED == 12 && FVATTN_INTERNAL == 13 && FVATTN_UNAVAILABLE == 14)
CHECK(FVATTN_CPU == 1 && FVATTN_CUDA == 2 && FVATTN_DTYPE_FLOAT == 2 && FVATTN_DTYPE_BFLOAT == 4 && FVATTN_DTYPE_BOOL == 6)
CHECK(FVATTN_I64 == 1 && FVATTN_F64 == 2 && FVATTN_BOOL == 3 && FVATTN_STR == 4 && FVATTN_I64S == 5 && FVATTN_F64S == 6)
CHECK(FVATTN_TENSOR == 7 && FVATTN_R_TEXT == 1ull << 19 && FVATTN_R_LICENSE == 1ull << 20 && FVATTN_R_VENDOR == 1ull << 63)

/* Used in C as well: a null-safe read of a member that an older producer does not have. */
static inline int sees_total_steps(const fvattn_call* call) { return FVATTN_HAS(call, total_steps); }
