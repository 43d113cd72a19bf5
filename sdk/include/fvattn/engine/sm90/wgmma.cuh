// One wgmma instruction: m64 n(kN) k16, 16-bit operands, float32 accumulators.
//   wgmma_ss: A and B from shared memory, both K-major (Q times K transposed)
//   wgmma_ss_mn: A from shared memory K-major, B from shared memory MN-major (dS times K)
//   wgmma_ss_mm: both from shared memory MN-major (dS, rows of queries, times Q)
//   wgmma_rs: A from registers, B from shared memory MN-major (P times V)
// PTX wants every accumulator register spelled out, so the lists below grow by eight; d[i] of lane l in warp w is
// row 16 w + l / 4 + 8 * (i / 2 % 2), column 8 * (i / 4) + 2 * (l % 4) + i % 2.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstdint>

namespace fvattn::engine::sm90 {

template <class Element, int kN>
struct Wgmma;

#define FVATTN_REGS_8 "%0, %1, %2, %3, %4, %5, %6, %7"
#define FVATTN_OUTS_8 "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]), "+f"(d[4]), "+f"(d[5]), "+f"(d[6]), "+f"(d[7])
#define FVATTN_REGS_16 FVATTN_REGS_8 ", %8, %9, %10, %11, %12, %13, %14, %15"
#define FVATTN_OUTS_16 FVATTN_OUTS_8, \
  "+f"(d[8]), "+f"(d[9]), "+f"(d[10]), "+f"(d[11]), "+f"(d[12]), "+f"(d[13]), "+f"(d[14]), "+f"(d[15])
#define FVATTN_REGS_24 FVATTN_REGS_16 ", %16, %17, %18, %19, %20, %21, %22, %23"
#define FVATTN_OUTS_24 FVATTN_OUTS_16, \
  "+f"(d[16]), "+f"(d[17]), "+f"(d[18]), "+f"(d[19]), "+f"(d[20]), "+f"(d[21]), "+f"(d[22]), "+f"(d[23])
#define FVATTN_REGS_32 FVATTN_REGS_24 ", %24, %25, %26, %27, %28, %29, %30, %31"
#define FVATTN_OUTS_32 FVATTN_OUTS_24, \
  "+f"(d[24]), "+f"(d[25]), "+f"(d[26]), "+f"(d[27]), "+f"(d[28]), "+f"(d[29]), "+f"(d[30]), "+f"(d[31])
#define FVATTN_REGS_40 FVATTN_REGS_32 ", %32, %33, %34, %35, %36, %37, %38, %39"
#define FVATTN_OUTS_40 FVATTN_OUTS_32, \
  "+f"(d[32]), "+f"(d[33]), "+f"(d[34]), "+f"(d[35]), "+f"(d[36]), "+f"(d[37]), "+f"(d[38]), "+f"(d[39])
#define FVATTN_REGS_48 FVATTN_REGS_40 ", %40, %41, %42, %43, %44, %45, %46, %47"
#define FVATTN_OUTS_48 FVATTN_OUTS_40, \
  "+f"(d[40]), "+f"(d[41]), "+f"(d[42]), "+f"(d[43]), "+f"(d[44]), "+f"(d[45]), "+f"(d[46]), "+f"(d[47])
#define FVATTN_REGS_56 FVATTN_REGS_48 ", %48, %49, %50, %51, %52, %53, %54, %55"
#define FVATTN_OUTS_56 FVATTN_OUTS_48, \
  "+f"(d[48]), "+f"(d[49]), "+f"(d[50]), "+f"(d[51]), "+f"(d[52]), "+f"(d[53]), "+f"(d[54]), "+f"(d[55])
#define FVATTN_REGS_64 FVATTN_REGS_56 ", %56, %57, %58, %59, %60, %61, %62, %63"
#define FVATTN_OUTS_64 FVATTN_OUTS_56, \
  "+f"(d[56]), "+f"(d[57]), "+f"(d[58]), "+f"(d[59]), "+f"(d[60]), "+f"(d[61]), "+f"(d[62]), "+f"(d[63])
#define FVATTN_REGS_72 FVATTN_REGS_64 ", %64, %65, %66, %67, %68, %69, %70, %71"
#define FVATTN_OUTS_72 FVATTN_OUTS_64, \
  "+f"(d[64]), "+f"(d[65]), "+f"(d[66]), "+f"(d[67]), "+f"(d[68]), "+f"(d[69]), "+f"(d[70]), "+f"(d[71])
#define FVATTN_REGS_80 FVATTN_REGS_72 ", %72, %73, %74, %75, %76, %77, %78, %79"
#define FVATTN_OUTS_80 FVATTN_OUTS_72, \
  "+f"(d[72]), "+f"(d[73]), "+f"(d[74]), "+f"(d[75]), "+f"(d[76]), "+f"(d[77]), "+f"(d[78]), "+f"(d[79])
#define FVATTN_REGS_88 FVATTN_REGS_80 ", %80, %81, %82, %83, %84, %85, %86, %87"
#define FVATTN_OUTS_88 FVATTN_OUTS_80, \
  "+f"(d[80]), "+f"(d[81]), "+f"(d[82]), "+f"(d[83]), "+f"(d[84]), "+f"(d[85]), "+f"(d[86]), "+f"(d[87])
#define FVATTN_REGS_96 FVATTN_REGS_88 ", %88, %89, %90, %91, %92, %93, %94, %95"
#define FVATTN_OUTS_96 FVATTN_OUTS_88, \
  "+f"(d[88]), "+f"(d[89]), "+f"(d[90]), "+f"(d[91]), "+f"(d[92]), "+f"(d[93]), "+f"(d[94]), "+f"(d[95])
#define FVATTN_REGS_104 FVATTN_REGS_96 ", %96, %97, %98, %99, %100, %101, %102, %103"
#define FVATTN_OUTS_104 FVATTN_OUTS_96, \
  "+f"(d[96]), "+f"(d[97]), "+f"(d[98]), "+f"(d[99]), "+f"(d[100]), "+f"(d[101]), "+f"(d[102]), "+f"(d[103])
#define FVATTN_REGS_112 FVATTN_REGS_104 ", %104, %105, %106, %107, %108, %109, %110, %111"
#define FVATTN_OUTS_112 FVATTN_OUTS_104, \
  "+f"(d[104]), "+f"(d[105]), "+f"(d[106]), "+f"(d[107]), "+f"(d[108]), "+f"(d[109]), "+f"(d[110]), "+f"(d[111])
#define FVATTN_REGS_120 FVATTN_REGS_112 ", %112, %113, %114, %115, %116, %117, %118, %119"
#define FVATTN_OUTS_120 FVATTN_OUTS_112, \
  "+f"(d[112]), "+f"(d[113]), "+f"(d[114]), "+f"(d[115]), "+f"(d[116]), "+f"(d[117]), "+f"(d[118]), "+f"(d[119])
#define FVATTN_REGS_128 FVATTN_REGS_120 ", %120, %121, %122, %123, %124, %125, %126, %127"
#define FVATTN_OUTS_128 FVATTN_OUTS_120, \
  "+f"(d[120]), "+f"(d[121]), "+f"(d[122]), "+f"(d[123]), "+f"(d[124]), "+f"(d[125]), "+f"(d[126]), "+f"(d[127])

// Operand numbers after the 8n accumulators: %A, %A+1, ... are passed as strings.
#define FVATTN_WGMMA(ELEMENT, TYPE, N, COUNT, I0, I1, I2, I3, I4, I5)                                                  \
  template <>                                                                                                          \
  struct Wgmma<ELEMENT, N> {                                                                                           \
    static __device__ __forceinline__ void ss(float (&d)[COUNT], std::uint64_t a, std::uint64_t b, int accumulate) {   \
      asm volatile("{.reg .pred p; setp.ne.b32 p, %" I2 ", 0; wgmma.mma_async.sync.aligned.m64n" #N                    \
                   "k16.f32." TYPE "." TYPE " {" FVATTN_REGS_##COUNT "}, %" I0 ", %" I1 ", p, 1, 1, 0, 0;}"            \
                   : FVATTN_OUTS_##COUNT                                                                               \
                   : "l"(a), "l"(b), "r"(accumulate));                                                                 \
    }                                                                                                                  \
    static __device__ __forceinline__ void ss_mn(float (&d)[COUNT], std::uint64_t a, std::uint64_t b,                  \
                                                 int accumulate) {                                                     \
      asm volatile("{.reg .pred p; setp.ne.b32 p, %" I2 ", 0; wgmma.mma_async.sync.aligned.m64n" #N                    \
                   "k16.f32." TYPE "." TYPE " {" FVATTN_REGS_##COUNT "}, %" I0 ", %" I1 ", p, 1, 1, 0, 1;}"            \
                   : FVATTN_OUTS_##COUNT                                                                               \
                   : "l"(a), "l"(b), "r"(accumulate));                                                                 \
    }                                                                                                                  \
    static __device__ __forceinline__ void ss_mm(float (&d)[COUNT], std::uint64_t a, std::uint64_t b,                  \
                                                 int accumulate) {                                                     \
      asm volatile("{.reg .pred p; setp.ne.b32 p, %" I2 ", 0; wgmma.mma_async.sync.aligned.m64n" #N                    \
                   "k16.f32." TYPE "." TYPE " {" FVATTN_REGS_##COUNT "}, %" I0 ", %" I1 ", p, 1, 1, 1, 1;}"            \
                   : FVATTN_OUTS_##COUNT                                                                               \
                   : "l"(a), "l"(b), "r"(accumulate));                                                                 \
    }                                                                                                                  \
    static __device__ __forceinline__ void rs(float (&d)[COUNT], const std::uint32_t* a, std::uint64_t b,              \
                                              int accumulate) {                                                        \
      asm volatile("{.reg .pred p; setp.ne.b32 p, %" I5 ", 0; wgmma.mma_async.sync.aligned.m64n" #N                    \
                   "k16.f32." TYPE "." TYPE " {" FVATTN_REGS_##COUNT "}, {%" I0 ", %" I1 ", %" I2 ", %" I3 "}, %" I4    \
                   ", p, 1, 1, 1;}"                                                                                    \
                   : FVATTN_OUTS_##COUNT                                                                               \
                   : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "r"(accumulate));                             \
    }                                                                                                                  \
  };
#define FVATTN_WGMMA_TYPES(N, COUNT, ...)                   \
  FVATTN_WGMMA(__nv_bfloat16, "bf16", N, COUNT, __VA_ARGS__) \
  FVATTN_WGMMA(__half, "f16", N, COUNT, __VA_ARGS__)

FVATTN_WGMMA_TYPES(16, 8, "8", "9", "10", "11", "12", "13")
FVATTN_WGMMA_TYPES(32, 16, "16", "17", "18", "19", "20", "21")
FVATTN_WGMMA_TYPES(48, 24, "24", "25", "26", "27", "28", "29")
FVATTN_WGMMA_TYPES(64, 32, "32", "33", "34", "35", "36", "37")
FVATTN_WGMMA_TYPES(80, 40, "40", "41", "42", "43", "44", "45")
FVATTN_WGMMA_TYPES(96, 48, "48", "49", "50", "51", "52", "53")
FVATTN_WGMMA_TYPES(112, 56, "56", "57", "58", "59", "60", "61")
FVATTN_WGMMA_TYPES(128, 64, "64", "65", "66", "67", "68", "69")
FVATTN_WGMMA_TYPES(144, 72, "72", "73", "74", "75", "76", "77")
FVATTN_WGMMA_TYPES(160, 80, "80", "81", "82", "83", "84", "85")
FVATTN_WGMMA_TYPES(176, 88, "88", "89", "90", "91", "92", "93")
FVATTN_WGMMA_TYPES(192, 96, "96", "97", "98", "99", "100", "101")
FVATTN_WGMMA_TYPES(208, 104, "104", "105", "106", "107", "108", "109")
FVATTN_WGMMA_TYPES(224, 112, "112", "113", "114", "115", "116", "117")
FVATTN_WGMMA_TYPES(240, 120, "120", "121", "122", "123", "124", "125")
FVATTN_WGMMA_TYPES(256, 128, "128", "129", "130", "131", "132", "133")

#undef FVATTN_WGMMA_TYPES
#undef FVATTN_WGMMA
#undef FVATTN_REGS_8
#undef FVATTN_OUTS_8
#undef FVATTN_REGS_16
#undef FVATTN_OUTS_16
#undef FVATTN_REGS_24
#undef FVATTN_OUTS_24
#undef FVATTN_REGS_32
#undef FVATTN_OUTS_32
#undef FVATTN_REGS_40
#undef FVATTN_OUTS_40
#undef FVATTN_REGS_48
#undef FVATTN_OUTS_48
#undef FVATTN_REGS_56
#undef FVATTN_OUTS_56
#undef FVATTN_REGS_64
#undef FVATTN_OUTS_64
#undef FVATTN_REGS_72
#undef FVATTN_OUTS_72
#undef FVATTN_REGS_80
#undef FVATTN_OUTS_80
#undef FVATTN_REGS_88
#undef FVATTN_OUTS_88
#undef FVATTN_REGS_96
#undef FVATTN_OUTS_96
#undef FVATTN_REGS_104
#undef FVATTN_OUTS_104
#undef FVATTN_REGS_112
#undef FVATTN_OUTS_112
#undef FVATTN_REGS_120
#undef FVATTN_OUTS_120
#undef FVATTN_REGS_128
#undef FVATTN_OUTS_128

} // namespace fvattn::engine::sm90
