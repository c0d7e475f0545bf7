#include "kernels/conv.h"

#include "kernels/conv_gather.h"
#include "kernels/conv_weight.h"

namespace fovea::kernels {

using Direction = GatherConv::Direction;

ConvForward::ConvForward(std::unique_ptr<GatherConv> gather) : gather_(std::move(gather)) {}
ConvForward::~ConvForward() = default;
std::unique_ptr<ConvForward> ConvForward::make(const ConvShape& shape, Isa isa, int threads) {
  auto gather = std::make_unique<GatherConv>(shape, Direction::forward, isa, threads);
  return std::unique_ptr<ConvForward>(new ConvForward(std::move(gather)));
}
const char* ConvForward::name() const { return gather_->name(); }
size_t ConvForward::packed_floats() const { return gather_->packed_floats(); }
void ConvForward::pack(const float* w, float* packed, Pool& pool) const { gather_->pack(w, packed, pool); }
size_t ConvForward::workspace_bytes() const { return gather_->workspace_bytes(); }
void ConvForward::run(const float* x, const float* packed, float* y, void* work, Pool& pool,
                      const Epilogue* epilogue) const {
  gather_->run(x, packed, y, work, pool, epilogue);
}

size_t ConvForward::part_workspace_bytes() const { return gather_->part_workspace_bytes(); }
void ConvForward::run_part(const float* x, const float* packed, float* y, void* work, int64_t first, int64_t count,
                           const Epilogue* epilogue) const {
  gather_->run_part(x, packed, y, work, first, count, epilogue);
}

ConvBackwardData::ConvBackwardData(std::unique_ptr<GatherConv> gather) : gather_(std::move(gather)) {}
ConvBackwardData::~ConvBackwardData() = default;
std::unique_ptr<ConvBackwardData> ConvBackwardData::make(const ConvShape& shape, Isa isa, int threads) {
  auto gather = std::make_unique<GatherConv>(shape, Direction::backward_data, isa, threads);
  return std::unique_ptr<ConvBackwardData>(new ConvBackwardData(std::move(gather)));
}
const char* ConvBackwardData::name() const { return gather_->name(); }
size_t ConvBackwardData::packed_floats() const { return gather_->packed_floats(); }
void ConvBackwardData::pack(const float* w, float* packed, Pool& pool) const { gather_->pack(w, packed, pool); }
size_t ConvBackwardData::workspace_bytes() const { return gather_->workspace_bytes(); }
void ConvBackwardData::run(const float* dy, const float* packed, float* dx, void* work, Pool& pool) const {
  gather_->run(dy, packed, dx, work, pool, nullptr);
}

ConvBackwardWeight::ConvBackwardWeight(std::unique_ptr<WeightConv> weight) : weight_(std::move(weight)) {}
ConvBackwardWeight::~ConvBackwardWeight() = default;
std::unique_ptr<ConvBackwardWeight> ConvBackwardWeight::make(const ConvShape& shape, Isa isa, int threads) {
  return std::unique_ptr<ConvBackwardWeight>(new ConvBackwardWeight(std::make_unique<WeightConv>(shape, isa, threads)));
}
const char* ConvBackwardWeight::name() const { return weight_->name(); }
size_t ConvBackwardWeight::workspace_bytes() const { return weight_->workspace_bytes(); }
void ConvBackwardWeight::run(const float* x, const float* dy, float* dw, void* work, Pool& pool) const {
  weight_->run(x, dy, dw, work, pool);
}

}  // namespace fovea::kernels
