#include "choice.hpp"

namespace fvattn {

Result<Choice> parse_choice(std::string_view text, std::string_view origin) {
  constexpr std::string_view kPrefer = "prefer:";
  const auto malformed = [&](const char* why) {
    return Status::error(Code::invalid_argument, std::string(origin) + ": " + why, "'" + std::string(text) + "'",
                         kChoiceGrammar);
  };
  Choice choice;
  if (text.empty()) return choice;
  if (text == "auto") {
    choice.kind = Choice::Kind::automatic;
    return choice;
  }
  const bool preferred = text.starts_with(kPrefer);
  choice.kind = preferred ? Choice::Kind::preferred : Choice::Kind::named;
  std::string_view rest = preferred ? text.substr(kPrefer.size()) : text;
  for (;;) {
    const size_t comma = rest.find(',');
    choice.names.emplace_back(rest.substr(0, comma));
    if (choice.names.back().empty()) return malformed("a backend's name is missing");
    if (choice.names.back() == "auto" || choice.names.back().find(':') != std::string::npos)
      return malformed("auto and prefer: stand alone, not in a list");
    if (comma == std::string_view::npos) break;
    rest = rest.substr(comma + 1);
  }
  if (preferred && choice.names.size() > 1) return malformed("prefer: takes one name");
  return choice;
}

}  // namespace fvattn
