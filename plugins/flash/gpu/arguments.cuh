// From a call to what the engines take.
#pragma once

#include "schedule.cuh"

#include <fvattn/plugin/gpu/device.cuh>

namespace flash::gpu {

using fvattn::plugin::gpu::Gpu;
using fvattn::plugin::gpu::with_element;

/// The schedule of a call whose tensors are in device memory; a mask's bits are made in `workspace`, on the call's stream.
GpuSchedule make_schedule(const fvattn::plugin::Call& call, fvattn::plugin::Workspace& workspace);

}  // namespace flash::gpu
