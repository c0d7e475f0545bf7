#include <algorithm>
#include <set>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/size.h"
#include "base/text.h"
#include "io/weights/contents.h"

namespace fovea {

namespace {

std::string json_list(const std::vector<int64_t>& values) {
  std::string text = "[";
  for (size_t i = 0; i < values.size(); i++) text += (i ? "," : "") + std::to_string(values[i]);
  return text + "]";
}

// Wider types first, so that every tensor is aligned; otherwise as given.
std::vector<size_t> layout(std::span<const TensorOut> tensors) {
  std::vector<size_t> order(tensors.size());
  for (size_t i = 0; i < order.size(); i++) order[i] = i;
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return file_type_bytes(tensors[a].type) > file_type_bytes(tensors[b].type); });
  return order;
}

std::string header_of(std::span<const TensorOut> tensors, const std::vector<uint64_t>& begin,
                      const std::vector<uint64_t>& bytes, const std::map<std::string, std::string>& metadata) {
  std::string text = "{";
  for (const auto& [key, value] : metadata)
    text += (text.size() > 1 ? ",\"" : "\"__metadata__\":{\"") + escape_json(key) + "\":\"" + escape_json(value) + "\"";
  if (!metadata.empty()) text += "}";
  for (size_t i = 0; i < tensors.size(); i++) {
    const TensorOut& t = tensors[i];
    text += (text.size() > 1 ? ",\"" : "\"") + escape_json(t.name) + "\":{\"dtype\":\"" + file_type_name(t.type) +
            "\",\"shape\":" + json_list(t.shape) + ",\"data_offsets\":[" + std::to_string(begin[i]) + "," +
            std::to_string(begin[i] + bytes[i]) + "]}";
  }
  text += "}";
  text.resize((text.size() + 7) / 8 * 8, ' ');
  return text;
}

}  // namespace

void write_safetensors(const std::string& path, std::span<const TensorOut> tensors,
                       const std::map<std::string, std::string>& metadata) {
  std::vector<size_t> order = layout(tensors);
  std::vector<uint64_t> begin(tensors.size()), bytes(tensors.size());
  std::set<std::string_view> names{"__metadata__"};
  uint64_t end = 0;
  for (size_t i : order) {
    if (!names.insert(tensors[i].name).second)
      fail(Code::bug, "{}: tensor {} would be written twice", path, shown(tensors[i].name));
    bytes[i] = checked_bytes(path, tensors[i].name, tensors[i].type, tensors[i].shape);
    begin[i] = end;
    if (!checked_add(end, bytes[i], end)) fail(Code::resources, "{}: size overflows: need at most 2^47 bytes", path);
  }
  std::string header = header_of(tensors, begin, bytes, metadata);
  AtomicFile file(path);
  file.reserve(8 + header.size() + end);
  uint64_t length = header.size();
  file.write(&length, sizeof length);
  file.write(header);
  for (size_t i : order) file.write(tensors[i].data, bytes[i]);
  file.commit();
}

}  // namespace fovea
