#include "plan/rows/rows.h"

namespace fovea {

const std::vector<Row>& kernel_rows() {
  static const std::vector<Row> all = [] {
    std::vector<Row> r;
    for (auto rows : {conv_rows(), matmul_rows(), attention_rows(), scan_rows(), window_rows(), layout_rows(), gather_rows(),
                      norm_rows(), random_rows(), all_reduce_rows(), reference_rows()})
      r.insert(r.end(), rows.begin(), rows.end());
    return r;
  }();
  return all;
}

kernels::Precision Query::precision_with(int i, int channels, int groups) const {
  constexpr int kFew = 16;  // their products take a small part of the time, and say most about the picture
  const bool pairs = channels / groups % 2 == 0 || groups == 1;
  return fixed_input(i) && channels >= kFew && pairs ? precision : kernels::Precision::f32;
}

const Row* find_row(const Query& q, std::vector<std::string>* refused) {
  for (const Row& row : kernel_rows()) {
    if (row.op && (row.op != q.node.op || q.reference)) continue;
    std::string reason = row.refuse(q);
    if (reason.empty()) return &row;
    if (refused) refused->push_back(std::string(row.name) + ": " + reason);
  }
  return nullptr;
}

}  // namespace fovea
