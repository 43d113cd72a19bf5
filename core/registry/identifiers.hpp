// What a plugin id, a backend's name, a library path and a hash may look like.
#pragma once

#include <string_view>

namespace fvattn {

inline constexpr const char* kPluginIdGrammar = "up to 128 letters, digits, '.', '_', '-', such as org.example.mine";
inline constexpr const char* kBackendNameGrammar = "up to 64 letters, digits, '_', '.', '-', such as MY_ATTN, and not auto";

/// fvattn_plugin_entry_v<major> of the version that this core speaks, and what all versions start with.
inline constexpr const char* kEntryPoint = "fvattn_plugin_entry_v1";
inline constexpr std::string_view kEntryPointStart = "fvattn_plugin_entry_v";

bool is_plugin_id(std::string_view text);
/// None of the selection grammar's own characters (',', ':', '/').
bool is_backend_name(std::string_view text);
/// Empty, or a path without "..", control characters or a trailing slash.
bool is_library_path(std::string_view text);
bool is_sha256(std::string_view text);

}  // namespace fvattn
