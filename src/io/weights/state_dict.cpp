#include "io/weights/state_dict.h"

#include <algorithm>
#include <unordered_set>

#include "base/error.h"
#include "base/text.h"
#include "io/weights/contents.h"
#include "io/weights/pickle_globals.h"

namespace fovea {

namespace {

constexpr const char* kWrappers[] = {"state_dict", "model", "state_dict_ema", "model_ema", "net"};
constexpr const char* kPrefixes[] = {"module.", "_orig_mod.", "model."};

bool is_dict(const PickleValue* v) { return v && v->kind == PickleKind::dict; }

// Calls f(name, tensor's index) for the tensors with a text for a name, until it returns false.
template <class F>
void each_tensor(const Pickle& pickle, const PickleValue& dict, F f) {
  for (size_t i = 0; i + 1 < dict.items.size(); i += 2) {
    const PickleValue &name = pickle.values[dict.items[i]], &tensor = pickle.values[dict.items[i + 1]];
    if (name.kind == PickleKind::text && tensor.kind == PickleKind::tensor &&
        !f(name.text, static_cast<uint32_t>(tensor.number)))
      return;
  }
}

bool has_tensors(const Pickle& pickle, const PickleValue* dict) {
  bool found = false;
  if (is_dict(dict)) each_tensor(pickle, *dict, [&](auto&&...) { return !(found = true); });
  return found;
}

std::vector<std::string> text_keys(const Pickle& pickle, const PickleValue& dict) {
  std::vector<std::string> keys;
  for (size_t i = 0; i + 1 < dict.items.size() && keys.size() < 100; i += 2)
    if (const PickleValue& key = pickle.values[dict.items[i]]; key.kind == PickleKind::text)
      keys.push_back(clip(key.text, 40));
  return keys;
}

std::string some(const std::vector<std::string>& keys) {
  std::string list;
  for (size_t i = 0; i < keys.size() && i < 5; i++) list += (i ? ", " : "") + shown(keys[i]);
  return keys.empty() ? "nothing" : keys.size() > 5 ? list + ", ..." : list;
}

void note(std::string& all, const std::string& text) { all += (all.empty() ? "" : "; ") + text; }

const PickleValue& named_dict(const std::string& path, const Pickle& pickle, const std::string& key) {
  const PickleValue* dict = pickle.get(pickle.top(), key);
  auto keys = text_keys(pickle, pickle.top());
  if (!dict) fail(Code::usage, "{}: no key {}: it has {}{}", path, shown(key), some(keys), suggestion(key, keys));
  if (!has_tensors(pickle, dict))
    fail(Code::usage, "{}: key {} holds no tensors, need a state_dict. It has {}", path, shown(key), some(keys));
  return *dict;
}

[[noreturn]] void no_weights(const std::string& path, const Pickle& pickle) {
  const PickleValue& top = pickle.top();
  if (top.kind != PickleKind::dict)
    fail(Code::unsupported, "{}: holds {}, need a dict of tensors. Save model.state_dict()", path,
         pickle_kind_name(top.kind));
  if (pickle.get(top, "param_groups"))
    fail(Code::unsupported, "{}: holds the state of an optimizer and no weights. Save model.state_dict()", path);
  std::vector<std::string> keys = text_keys(pickle, top);
  if (keys.empty() && !top.items.empty())
    fail(Code::unsupported, "{}: holds no tensors with names: a key is {}. Save model.state_dict()", path,
         pickle_kind_name(pickle.values[top.items[0]].kind));
  fail(Code::unsupported, "{}: holds no tensors: it has {}. Save model.state_dict()", path, some(keys));
}

// Wrappers win over loose tensors beside them (a "best_acc" tensor, say); a wrapper in a wrapper is followed, too.
const PickleValue& unwrap(const std::string& path, const Pickle& pickle, std::string& notes) {
  const PickleValue* dict = &pickle.top();
  for (int depth = 0; depth < 4 && is_dict(dict); depth++) {
    const PickleValue* inner = nullptr;
    for (const char* key : kWrappers) {
      const PickleValue* candidate = pickle.get(*dict, key);
      bool nested = is_dict(candidate) && is_dict(pickle.get(*candidate, "state_dict"));
      if (!has_tensors(pickle, candidate) && !nested) continue;
      if (inner) {
        note(notes, "there is also " + shown(key));
      } else {
        inner = candidate;
        note(notes, "took key " + shown(key));
      }
    }
    if (!inner) break;
    dict = inner;
  }
  if (!has_tensors(pickle, dict)) no_weights(path, pickle);
  return *dict;
}

// Wrappers add prefixes to all names: module._orig_mod.conv1.weight. A few rounds, as a name may be nothing but prefixes.
void strip_prefixes(StateDict& dict) {
  for (int round = 0; round < 4; round++)
    for (std::string_view prefix : kPrefixes) {
      auto has = [&](const auto& t) { return t.first.size() > prefix.size() && t.first.starts_with(prefix); };
      if (!std::all_of(dict.tensors.begin(), dict.tensors.end(), has)) continue;
      for (auto& t : dict.tensors) t.first.erase(0, prefix.size());
      note(dict.note, "removed prefix " + shown(prefix));
    }
}

}  // namespace

StateDict find_state_dict(const std::string& path, const Pickle& pickle, const std::string& key) {
  StateDict out;
  const PickleValue& top = pickle.top();
  if (top.kind != PickleKind::dict) no_weights(path, pickle);
  const PickleValue& dict = key.empty() ? unwrap(path, pickle, out.note) : named_dict(path, pickle, key);
  if (!key.empty()) note(out.note, "took key " + shown(key));
  std::unordered_set<std::string_view> names;
  each_tensor(pickle, dict, [&](std::string_view name, uint32_t tensor) {
    if (!names.insert(name).second)
      fail(Code::bad_file, "{}: duplicate tensor name {}. The file is damaged", path, shown(name));
    out.tensors.emplace_back(name, tensor);
    return true;
  });
  strip_prefixes(out);
  return out;
}

}  // namespace fovea
