// Boxes are chains of layers; a box lies one row below the lowest box it reads. An edge runs down in the gaps between rows,
// and past rows in a gutter beside the column it leads to, so that none ever crosses a box.
#include "_drawing.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/text.h"

namespace fovea::cli {
namespace {

constexpr int kBoxWidth = 290, kLine = 15, kGap = 34, kGutter = 14, kLane = 9, kMargin = 24, kTop = 78, kLeastWidth = 520;
constexpr size_t kOpsPerLine = 42;  // characters

struct Box {
  std::vector<int> layers;
  std::vector<int> inputs;  // boxes
  std::vector<std::string> lines;
  int row = 0, column = 0;
  int x = 0, y = 0, height = 0;
  int middle() const { return x + kBoxWidth / 2; }
};

struct Edge {
  int from, to;    // boxes; from -1: the input
  int gutter = 0;  // left of this column
  int lane = -1;   // in the gutter; -1: the rows are neighbours
};

std::string shape_text(const Shape& s) {
  std::string out;
  for (int i = 1; i < s.rank; i++) out += fmt::format("{}{}", i > 1 ? "x" : "", s[i]);
  return out;
}

std::string short_count(int64_t n) {
  double v = static_cast<double>(n);
  return v >= 1e9   ? fmt::format("{:.2f} G", v * 1e-9)
         : v >= 1e6 ? fmt::format("{:.1f} M", v * 1e-6)
         : v >= 1e3 ? fmt::format("{:.1f} k", v * 1e-3)
                    : fmt::format("{}", n);
}

const char* color_of(const std::string& op) {
  auto begins = [&](const char* word) { return op.starts_with(word); };
  if (begins("conv") || begins("depthwise")) return "#d5e5f9";
  if (begins("linear") || begins("matmul") || begins("attention")) return "#e6dcf5";
  if (op.find("pool") != op.npos || begins("mean")) return "#d9f0dd";
  return "#f1f1ee";
}

class Drawing {
 public:
  explicit Drawing(const std::vector<Layer>& layers) : layers_(layers) {
    make_boxes();
    place_rows();
    place_columns();
    make_edges();
    place_pixels();
  }

  std::string svg(const std::string& title, const std::string& subtitle) const {
    std::string out = fmt::format(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} {1}\" "
        "font-family=\"sans-serif\" font-size=\"11\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
        "<text x=\"{2}\" y=\"32\" font-size=\"18\" font-weight=\"bold\">{3}</text>\n"
        "<text x=\"{2}\" y=\"52\" fill=\"#555\">{4}</text>\n",
        width_, height_, kMargin, escape_xml(title), escape_xml(subtitle));
    if (!boxes_.empty())
      out += fmt::format("<text x=\"{}\" y=\"{}\" fill=\"#555\">input</text>\n", boxes_[0].middle() + 6, kTop + 12);
    for (auto& [block, boxes] : frames()) out += frame(block, boxes);
    for (const Edge& e : edges_) out += path(e);
    for (const Box& b : boxes_) out += box(b);
    return out + "</svg>\n";
  }

 private:
  const Box& at(int i) const { return boxes_[static_cast<size_t>(i)]; }
  const Layer& first_layer(const Box& b) const { return layers_[static_cast<size_t>(b.layers[0])]; }
  const Layer& last_layer(const Box& b) const { return layers_[static_cast<size_t>(b.layers.back())]; }

  // A light layer joins the box of a layer that nobody else reads.
  void make_boxes() {
    std::vector<int> readers(layers_.size(), 0), box_of(layers_.size(), -1);
    for (const Layer& l : layers_)
      for (int in : l.inputs)
        if (in >= 0) readers[static_cast<size_t>(in)]++;
    for (size_t i = 0; i < layers_.size(); i++) {
      const Layer& l = layers_[i];
      std::set<int> candidates;
      for (int in : l.inputs)
        if (in >= 0 && l.macs == 0 && readers[static_cast<size_t>(in)] == 1) candidates.insert(in);
      int home = candidates.size() == 1 ? box_of[static_cast<size_t>(*candidates.begin())] : -1;
      if (home >= 0 && last_layer(at(home)).block != l.block) home = -1;
      if (home < 0) home = static_cast<int>(boxes_.size()), boxes_.emplace_back();
      box_of[i] = home;
      Box& b = boxes_[static_cast<size_t>(home)];
      b.layers.push_back(static_cast<int>(i));
      for (int in : l.inputs) {
        int from = in < 0 ? -1 : box_of[static_cast<size_t>(in)];
        if (from != home && std::find(b.inputs.begin(), b.inputs.end(), from) == b.inputs.end()) b.inputs.push_back(from);
      }
    }
    for (Box& b : boxes_) write_lines(b);
  }

  void write_lines(Box& b) const {
    int64_t params = 0, macs = 0;
    std::string line;
    b.lines.push_back(first_layer(b).scope);
    for (int i : b.layers) {
      const Layer& l = layers_[static_cast<size_t>(i)];
      params += l.params, macs += l.macs;
      for (const std::string& op : l.ops) {
        if (!line.empty() && line.size() + op.size() > kOpsPerLine) b.lines.push_back(std::move(line)), line.clear();
        line += (line.empty() ? "" : ", ") + op;
      }
    }
    b.lines.push_back(line);
    std::string cost = shape_text(last_layer(b).out);
    if (params) cost += fmt::format(" · {} params", short_count(params));
    if (macs) cost += fmt::format(" · {} MACs", short_count(macs));
    b.lines.push_back(cost);
    b.height = kLine * static_cast<int>(b.lines.size()) + 10;
  }

  // A box may read another that was begun after it, so rows are relaxed until they stand.
  void place_rows() {
    for (bool again = true; again;) {
      again = false;
      for (Box& b : boxes_)
        for (int in : b.inputs)
          if (in >= 0 && at(in).row >= b.row) b.row = at(in).row + 1, again = true;
    }
  }

  // Below the box it reads where that place is free, else the next one to the right.
  void place_columns() {
    std::set<std::pair<int, int>> taken;
    for (Box& b : boxes_) {
      int above = -1;
      for (int in : b.inputs)
        if (in >= 0 && (above < 0 || at(in).row > at(above).row)) above = in;
      b.column = above < 0 ? 0 : at(above).column;
      while (!taken.emplace(b.row, b.column).second) b.column++;
    }
  }

  void make_edges() {
    std::map<std::pair<int, int>, int> until;  // (column, lane) -> the row where its last edge ends
    for (size_t i = 0; i < boxes_.size(); i++)
      for (int in : boxes_[i].inputs) edges_.push_back({in, static_cast<int>(i)});
    std::stable_sort(edges_.begin(), edges_.end(), [&](const Edge& a, const Edge& b) { return from_row(a) < from_row(b); });
    for (Edge& e : edges_) {
      const Box& to = at(e.to);
      if (to.row == from_row(e) + 1) continue;
      bool from_right = e.from >= 0 && at(e.from).column > to.column;
      e.gutter = to.column + from_right;
      for (e.lane = 0;; e.lane++) {
        auto [it, fresh] = until.emplace(std::pair(e.gutter, e.lane), to.row);
        if (!fresh && it->second > from_row(e)) continue;
        it->second = to.row;
        break;
      }
      lanes_[e.gutter] = std::max(lanes_[e.gutter], e.lane + 1);
    }
  }
  int from_row(const Edge& e) const { return e.from < 0 ? -1 : at(e.from).row; }

  void place_pixels() {
    int rows = 0, columns = 0;
    for (const Box& b : boxes_) rows = std::max(rows, b.row + 1), columns = std::max(columns, b.column + 1);
    std::vector<int> tall(static_cast<size_t>(rows), 0);
    for (const Box& b : boxes_) tall[static_cast<size_t>(b.row)] = std::max(tall[static_cast<size_t>(b.row)], b.height);
    width_ = kMargin;
    for (int c = 0; c < columns; c++) {
      width_ += kGutter + kLane * lanes_[c];
      left_.push_back(width_);
      width_ += kBoxWidth + kGutter;
    }
    width_ = std::max(width_ + kMargin + 20, kLeastWidth);
    height_ = kTop + kGap;
    for (int h : tall) row_top_.push_back(height_), height_ += h + kGap;
    for (Box& b : boxes_) b.x = left_[static_cast<size_t>(b.column)], b.y = row_top_[static_cast<size_t>(b.row)];
  }

  std::string box(const Box& b) const {
    std::string out = fmt::format(
        "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"4\" fill=\"{}\" stroke=\"#777\" stroke-width=\"0.7\"/>\n",
        b.x, b.y, kBoxWidth, b.height, color_of(first_layer(b).ops[0]));
    for (size_t i = 0; i < b.lines.size(); i++)
      out += fmt::format("<text x=\"{}\" y=\"{}\"{}>{}</text>\n", b.x + 8, b.y + kLine * static_cast<int>(i + 1) + 1,
                         i == 0                    ? " font-weight=\"bold\""
                         : i + 1 == b.lines.size() ? " fill=\"#555\""
                                                   : "",
                         escape_xml(b.lines[i]));
    return out;
  }

  // Straight runs with rounded corners through these points.
  static std::string rounded(const std::vector<std::pair<int, int>>& points) {
    constexpr int kRadius = 6;
    std::string out = fmt::format("M{} {}", points[0].first, points[0].second);
    for (size_t i = 1; i + 1 < points.size(); i++) {
      int x = points[i].first, y = points[i].second;
      auto step = [&](std::pair<int, int> other) {
        int dx = other.first - x, dy = other.second - y;
        return std::pair(x + std::clamp(dx, -kRadius, kRadius), y + std::clamp(dy, -kRadius, kRadius));
      };
      auto before = step(points[i - 1]), after = step(points[i + 1]);
      out += fmt::format(" L{} {} Q{} {} {} {}", before.first, before.second, x, y, after.first, after.second);
    }
    return out + fmt::format(" L{} {}", points.back().first, points.back().second);
  }

  std::string path(const Edge& e) const {
    const Box& to = at(e.to);
    int x = e.from < 0 ? to.middle() : at(e.from).middle(), y = e.from < 0 ? kTop : at(e.from).y + at(e.from).height;
    std::vector<std::pair<int, int>> points{{x, y}};
    int above = to.y - kGap / 3;
    if (e.lane < 0) {
      if (x != to.middle()) points.insert(points.end(), {{x, above}, {to.middle(), above}});
    } else {
      int gutter = left_[static_cast<size_t>(e.gutter)] - kGutter / 2 - kLane * e.lane;
      int below = (e.from < 0 ? kTop : row_top_[static_cast<size_t>(at(e.from).row) + 1] - kGap) + kGap / 3;
      below = std::max(below, y + 4);
      points.insert(points.end(), {{x, below}, {gutter, below}, {gutter, above}, {to.middle(), above}});
    }
    points.emplace_back(to.middle(), to.y);
    return fmt::format("<path d=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"1.1\"/>\n", rounded(points),
                       e.lane < 0 ? "#444" : "#c2651b");
  }

  std::map<std::string, std::vector<int>> frames() const {
    std::map<std::string, std::vector<int>> out;
    for (size_t i = 0; i < boxes_.size(); i++)
      if (!first_layer(boxes_[i]).block.empty()) out[first_layer(boxes_[i]).block].push_back(static_cast<int>(i));
    return out;
  }

  std::string frame(const std::string& name, const std::vector<int>& boxes) const {
    int left = width_, right = 0, top = height_, bottom = 0;
    for (int i : boxes) {
      const Box& b = at(i);
      left = std::min(left, b.x - kGutter / 2), right = std::max(right, b.x + kBoxWidth + kGutter / 2);
      top = std::min(top, b.y - 8), bottom = std::max(bottom, b.y + b.height + 8);
    }
    left -= kLane * lanes_.at(0) / 2;
    return fmt::format(
        "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"7\" fill=\"#fbfaf3\" stroke=\"#d8d3b8\"/>\n"
        "<text x=\"{}\" y=\"{}\" fill=\"#8a8358\" transform=\"rotate(90 {} {})\">{}</text>\n",
        left, top, right - left, bottom - top, right + 5, top + 4, right + 5, top + 4, escape_xml(name));
  }

  const std::vector<Layer>& layers_;
  std::vector<Box> boxes_;
  std::vector<Edge> edges_;
  std::map<int, int> lanes_{{0, 0}};  // by column: how many its gutter needs
  std::vector<int> row_top_, left_;
  int width_ = 0, height_ = 0;
};

}  // namespace

std::string draw_network(const std::vector<Layer>& layers, const std::string& title, const std::string& subtitle) {
  return Drawing(layers).svg(title, subtitle);
}

}  // namespace fovea::cli
