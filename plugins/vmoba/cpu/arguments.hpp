// From a call to the arguments of the cpu engine.
#pragma once

#include <fvattn/engine/cpu/plugin_call.hpp>

namespace vmoba::cpu {

namespace engine = fvattn::engine;
namespace plugin = fvattn::plugin;
using engine::cpu::on_host_threads;
using engine::cpu::set_sizes;
using engine::cpu::view;
using engine::cpu::with_element;

}  // namespace vmoba::cpu
