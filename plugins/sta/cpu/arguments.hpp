// From a call to the arguments of the cpu engine.
#pragma once

#include "../schedule.hpp"

#include <fvattn/engine/cpu/plugin_call.hpp>

namespace sta::cpu {

namespace engine = fvattn::engine;
namespace plugin = fvattn::plugin;
using engine::cpu::on_host_threads;
using engine::cpu::set_sizes;
using engine::cpu::with_element;

using Tile = engine::cpu::DefaultTile;

}  // namespace sta::cpu
