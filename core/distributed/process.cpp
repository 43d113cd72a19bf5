#include <fvattn/distributed/transport.hpp>

#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace fvattn {
namespace {

struct Stat {
  char state = 0;
  std::string start;
};

// The fields after the name, which is in parentheses and may hold anything.
Stat stat_of(const std::string& process) {
  std::ifstream file("/proc/" + process + "/stat");
  std::string line;
  std::getline(file, line);
  const size_t end = line.rfind(')');
  if (end == std::string::npos) return {};
  std::istringstream fields(line.substr(end + 1));
  constexpr int kState = 3, kStart = 22;  // proc(5)
  Stat stat;
  std::string field;
  for (int i = kState; i <= kStart && fields >> field; ++i) {
    if (i == kState) stat.state = field[0];
    if (i == kStart) stat.start = field;
  }
  return stat;
}

std::string machine() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string boot;
  file >> boot;
  std::error_code error;
  const auto names = std::filesystem::read_symlink("/proc/self/ns/pid", error);
  return error || boot.empty() ? "unknown" : boot + "/" + names.string();
}

}  // namespace

std::string process_identity() {
  const std::string number = std::to_string(getpid());
  return machine() + " " + number + " " + stat_of("self").start;
}

bool process_has_ended(const std::string& identity) {
  std::istringstream text(identity);
  std::string where, number, start;
  text >> where >> number >> start;
  if (start.empty() || where == "unknown" || where != machine()) return false;
  if (kill(static_cast<pid_t>(std::stol(number)), 0) != 0 && errno == ESRCH) return true;
  const Stat stat = stat_of(number);
  return stat.state == 'Z' || stat.state == 'X' || (!stat.start.empty() && stat.start != start);
}

std::string process_number(const std::string& identity) {
  std::istringstream text(identity);
  std::string where, number;
  text >> where >> number;
  return number;
}

}  // namespace fvattn
