// The cpu engine: exact softmax attention for any policy, forward and backward. Link fvattn::cpu_engine.
//
//   engine::cpu::ForwardArgs<float> args;            // tensors and sizes
//   engine::DensePolicy<true> policy{{q_len}, {kv_len}};
//   engine::cpu::forward(args, policy, [](int64_t n, int64_t grain, auto&& body) { plugin::parallel_for(n, grain, body); });
//   engine::cpu::forward<TileShape<128, 128>>(...);  // for policies whose boxes are tiles of the engine
//
// float32 accumulation for float32, bfloat16 and float16 tensors, double for float64. Results are the same bits on every
// repeat and for every number of threads. A key that no row of a tile sees is not read.
#pragma once

#include <fvattn/engine/cpu/backward.hpp>
#include <fvattn/engine/cpu/forward.hpp>
