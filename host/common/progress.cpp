#include "common/progress.hpp"

#include "common/terminal.hpp"

#include <algorithm>
#include <cstdio>
#include <unistd.h>

namespace fvattn::host {
namespace {

constexpr int kBarWidth = 24;
constexpr std::chrono::milliseconds kBetweenDraws(100);

std::string duration_text(double seconds) {
  char text[32];
  if (seconds < 60) std::snprintf(text, sizeof(text), "%.0f s", seconds);
  else std::snprintf(text, sizeof(text), "%d:%02d", static_cast<int>(seconds) / 60, static_cast<int>(seconds) % 60);
  return text;
}

}  // namespace

Progress::Progress(std::string title, int64_t total, bool enabled)
    : title_(std::move(title)), total_(std::max<int64_t>(total, 1)), visible_(enabled && is_terminal(STDERR_FILENO)) {
  update(0);
}

Progress::~Progress() {
  if (visible_) std::fprintf(stderr, "\r\033[K");
}

void Progress::update(int64_t done, const std::string& note) {
  done_ = std::min(done, total_);
  const auto now = Clock::now();
  if (!visible_ || (done_ < total_ && now - drawn_ < kBetweenDraws)) return;
  drawn_ = now;

  const int filled = static_cast<int>(kBarWidth * done_ / total_);
  std::string bar;
  for (int i = 0; i < kBarWidth; ++i) bar += i < filled ? "█" : "░";
  const double spent = std::chrono::duration<double>(now - start_).count();
  const std::string left =
      done_ > 0 ? ", " + duration_text(spent * static_cast<double>(total_ - done_) / static_cast<double>(done_)) + " left"
                : "";
  std::string tail = " " + std::to_string(done_) + "/" + std::to_string(total_) + left + (note.empty() ? "" : "  " + note);
  const int room = terminal_width(STDERR_FILENO) - kBarWidth - static_cast<int>(title_.size()) - 3;
  if (static_cast<int>(tail.size()) > room) tail.resize(static_cast<size_t>(std::max(room, 0)));
  std::fprintf(stderr, "\r\033[K%s %s%s", title_.c_str(), bar.c_str(), tail.c_str());
  std::fflush(stderr);
}

}  // namespace fvattn::host
