#include "ops/softmax.h"

#include "io/onnx/emitter.h"

namespace fovea::onnx {

static Value along_last(Emitter& e, int id, const char* type) {
  Value x = e.value(e.node(id).inputs[0]);
  return {e.add(type, {x.name}, {{"axis", int64_t{position(x.order, x.order.rank - 1)}}}), x.order};
}
static std::optional<Value> softmax(Emitter& e, int id) { return along_last(e, id, "Softmax"); }
static std::optional<Value> log_softmax(Emitter& e, int id) { return along_last(e, id, "LogSoftmax"); }

FOVEA_ONNX(softmax, {&Softmax::op, softmax}, {&LogSoftmax::op, log_softmax})

}  // namespace fovea::onnx
