#include "video/sheet.hpp"

#include "video/label.hpp"

#include <algorithm>

namespace fvattn::video {
namespace {

constexpr int kGap = 6, kLine = kLabelHeight + 4;
constexpr float kEnlarged = 4;
constexpr Colour kPaper{250, 250, 250}, kInk{20, 20, 20};

Frame difference(const Frame& a, const Frame& b) {
  Frame result(a.size);
  for (size_t i = 0; i < a.rgb.size(); ++i) result.rgb[i] = 128 + kEnlarged * (a.rgb[i] - b.rgb[i]);
  return result;
}

}  // namespace

Picture make_sheet(const SheetContent& content) {
  const Size cell = content.noisy.size;
  const int row_height = kLine + cell.height + kGap;
  size_t longest = content.title.size();
  for (const SheetRow& row : content.rows) longest = std::max(longest, row.caption.size());
  const int width = std::max(kGap + 3 * (cell.width + kGap), 2 * kGap + static_cast<int>(longest) * kLabelAdvance);
  Picture sheet({width, kGap + 2 * kLine + static_cast<int>(content.rows.size()) * row_height}, kPaper);

  const auto column = [&](int i) { return kGap + i * (cell.width + kGap); };
  draw_label(sheet, content.title, kGap, kGap, kInk);
  draw_label(sheet, "noisy", column(0), kGap + kLine, kInk);
  draw_label(sheet, "denoised", column(1), kGap + kLine, kInk);
  draw_label(sheet, "(denoised - " + content.reference_name + ") x 4", column(2), kGap + kLine, kInk);
  int top = kGap + 2 * kLine;
  for (const SheetRow& row : content.rows) {
    draw_label(sheet, row.caption, kGap, top, kInk);
    sheet.paste(Picture(content.noisy), column(0), top + kLine);
    sheet.paste(Picture(row.denoised), column(1), top + kLine);
    sheet.paste(Picture(difference(row.denoised, content.reference)), column(2), top + kLine);
    top += row_height;
  }
  return sheet;
}

}  // namespace fvattn::video
