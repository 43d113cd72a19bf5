#include "coarse.cuh"

#include "arguments.cuh"
#include "epilogues.cuh"
#include "given_lists.cuh"
#include "pool.cuh"
#include "select.cuh"

namespace vsa::gpu {

using namespace plugin;

void pool_inputs(const Call& call, const BlockMap& map, const sm80::ConstTensor (&qkv)[3], const ForwardMemory& memory) {
  const fvattn_problem& p = call.problem();
  const PoolArgs args{{qkv[0], qkv[1], qkv[2]},
                      {memory.q_c, memory.k_c, memory.v_c},
                      {p.heads, p.kv_heads, p.kv_heads},
                      static_cast<int>(p.batch),
                      p.head_dim,
                      map};
  with_element(p, [&](auto element) { check(pool<decltype(element)>(args, stream_of(call)), "block means"); });
}

void select_blocks(const Call& call, const Schedule& schedule, const ForwardMemory& memory) {
  const fvattn_problem& p = call.problem();
  const SelectArgs args{memory.q_c,
                        memory.k_c,
                        static_cast<int>(p.batch),
                        schedule.blocks().count,
                        p.heads,
                        p.kv_heads,
                        p.head_dim,
                        schedule.kept,
                        static_cast<float>(p.scale),
                        memory.lists.index,
                        memory.lists.count,
                        memory.lists.width};
  with_kernel(p, [&](auto dim, auto element) {
    check(select<decltype(dim)::value, decltype(element)>(args, stream_of(call)), "selection of blocks");
  });
}

void given_lists(const Call& call, const BlockLists& lists) {
  const fvattn_problem& p = call.problem();
  const fvattn_tensor &index = call.in("block_index"), &count = call.in("block_count");
  for (const fvattn_tensor* t : {&index, &count})
    if (t->device_type != FVATTN_CUDA)
      fail(FVATTN_INVALID_ARGUMENT, "%s is in host memory; on a GPU it must be on the device of q",
           t == &index ? "block_index" : "block_count");
  GivenLists given{plugin::data<const int>(index),
                   plugin::data<const int>(count),
                   {},
                   {},
                   static_cast<int>(p.batch),
                   p.heads,
                   static_cast<int>(index.shape[2]),
                   lists.width};
  std::copy_n(index.strides, 4, given.index_strides);
  std::copy_n(count.strides, 3, given.count_strides);
  check(read_given(given, lists.index, lists.count, stream_of(call)), "given block lists");
}

void coarse_forward(const Call& call, const ForwardMemory& memory) {
  const fvattn_problem& p = call.problem();
  const int64_t blocks = memory.q_c.blocks;
  sm80::ForwardArgs args = forward_sizes(p);
  args.q = memory.q_c;
  args.k = memory.k_c;
  args.v = memory.v_c;
  args.o = memory.out_c;
  args.lse = {memory.lse_c, p.heads * blocks, blocks};
  const BlocksPolicy policy = coarse_policy(static_cast<int>(blocks));
  with_kernel(p, [&](auto dim, auto element) {
    check(sm80_forward<decltype(dim)::value, decltype(element)>(args, policy, {}, stream_of(call)), "the coarse branch");
  });
}

}  // namespace vsa::gpu
