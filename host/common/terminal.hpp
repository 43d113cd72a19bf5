// What is known of the terminal behind a file descriptor.
#pragma once

namespace fvattn::host {

bool is_terminal(int descriptor);
/// A terminal, and NO_COLOR is not set.
bool use_colour(int descriptor);
/// Columns; 100 when there is no terminal.
int terminal_width(int descriptor);

}  // namespace fvattn::host
