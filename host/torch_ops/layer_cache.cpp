#include "torch_ops/layer_cache.hpp"

#include "common/parameters.hpp"

#include <limits>

namespace fvattn::torch_ops {
namespace {

KeyValues parse(const std::string& options) {
  const auto object = host::parse_json(options, "options");
  if (!object || !object->is_object())
    throw Error(Status::error(Code::invalid_argument, "options must be one JSON object",
                              object ? options : object.status().text(), "{\"key\": value, ...}"));
  KeyValues values;
  for (const auto& [key, json] : object->items()) values.emplace(key, host::value_from_json(key, json).value());
  return values;
}

host::Keys make_keys(const Settings& settings, int64_t heads, int64_t kv_heads, int64_t head_size) {
  KeyValues values = settings.options ? parse(*settings.options) : KeyValues();
  if (settings.scale && values.contains("softmax_scale"))
    throw Error(Status::error(Code::invalid_argument, "scale and the option softmax_scale say the same thing twice", {}, {},
                              "give one of them"));
  host::Keys keys = host::sort_keys(std::move(values)).value();
  if (keys.call.return_lse)
    throw Error(Status::error(Code::invalid_argument, "the operator returns o alone", "return_lse = true", "false"));
  // To the layer 0 means its default; the smallest number gives what 0 asks for, equal weights.
  if (settings.scale) keys.layer.softmax_scale = *settings.scale == 0 ? std::numeric_limits<double>::min() : *settings.scale;
  keys.layer.causal = keys.layer.causal || settings.causal;
  keys.layer.backend = settings.backend.value_or("");
  keys.layer.num_heads = heads;
  keys.layer.num_kv_heads = kv_heads;
  keys.layer.head_size = head_size;
  return keys;
}

}  // namespace

std::shared_ptr<LayerEntry> LayerCache::find(const Settings& settings, int64_t heads, int64_t kv_heads, int64_t head_size) {
  constexpr double kDefault = std::numeric_limits<double>::infinity();  // no scale: a NaN would not find itself again
  Key key(settings.backend.value_or(""), settings.options.value_or(""), settings.scale.value_or(kDefault), settings.causal,
          heads, kv_heads, head_size);
  const std::lock_guard lock(mutex_);
  const auto known = slots_.find(key);
  if (known != slots_.end()) {
    order_.splice(order_.begin(), order_, known->second.place);
    return known->second.entry;
  }
  auto entry = std::make_shared<LayerEntry>();
  entry->keys = make_keys(settings, heads, kv_heads, head_size);
  order_.push_front(key);
  slots_.emplace(std::move(key), Slot{entry, order_.begin()});
  if (order_.size() > kMost) {
    slots_.erase(order_.back());
    order_.pop_back();
  }
  return entry;
}

}  // namespace fvattn::torch_ops
