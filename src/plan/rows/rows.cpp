#include "plan/rows/rows.h"

namespace fovea {

const std::vector<Row>& kernel_rows() {
  static const std::vector<Row> all = [] {
    std::vector<Row> r;
    for (auto rows : {conv_rows(), matmul_rows(), attention_rows(), window_rows(), layout_rows(), norm_rows(), random_rows(),
                      all_reduce_rows(), reference_rows()})
      r.insert(r.end(), rows.begin(), rows.end());
    return r;
  }();
  return all;
}

const Row* find_row(const Query& q, std::vector<std::string>* refused) {
  for (const Row& row : kernel_rows()) {
    if (row.op && row.op != q.node.op) continue;
    std::string reason = row.refuse(q);
    if (reason.empty()) return &row;
    if (refused) refused->push_back(std::string(row.name) + ": " + reason);
  }
  return nullptr;
}

}  // namespace fovea
