// The grammar in which a backend is asked for: NAME | id/NAME | A,B | prefer:NAME | auto.
#pragma once

#include <fvattn/status.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace fvattn {

struct Choice {
  enum class Kind { nothing, named, preferred, automatic };
  Kind kind = Kind::nothing;
  std::vector<std::string> names;  // one or more for named, one for preferred
};

inline constexpr const char* kChoiceGrammar = "NAME | id/NAME | A,B | prefer:NAME | auto";

/// `origin` says in messages who asked ("FASTVIDEO_ATTENTION_BACKEND"). Names are not looked up here.
Result<Choice> parse_choice(std::string_view text, std::string_view origin);

}  // namespace fvattn
