// Which of the parameters given on the command line a backend gets, and by which way.
#pragma once

#include "run/keys.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace fvattn::video {

struct RoutedParameters {
  host::Keys keys;                  // of the layer, the call and the forward context
  host::BackendKeys backend;        // with `dit_seq_shape` if the backend takes it
  std::vector<std::string> unused;  // keys that this backend does not take
  Status unknown;                   // what `fvattn run` would say of the first of them
};

/// INVALID_ARGUMENT for a key that denoise sets itself and for a value of the wrong kind.
Result<RoutedParameters> route_parameters(const KeyValues& given, const AttentionBackend& backend,
                                          const std::vector<int64_t>& grid);

}  // namespace fvattn::video
