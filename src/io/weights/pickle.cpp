// The pickle machine: a stack of value ids, marks, and a memo. See Python's pickletools for what each opcode means.
#include "io/weights/pickle.h"

#include <algorithm>
#include <unordered_map>

#include "base/error.h"
#include "io/weights/blob.h"
#include "io/weights/contents.h"
#include "io/weights/pickle_globals.h"

namespace fovea {

namespace {

constexpr size_t kMaxValues = 1'000'000;  // also of the stack and the memo
constexpr uint64_t kMaxText = 1 << 20;

class Machine {
 public:
  Machine(PickleBytes& bytes, Pickle& out) : in_(bytes), out_(out) {}
  void run();

 private:
  using Id = uint32_t;
  static constexpr Id kUnset = UINT32_MAX;

  bool literal();  // the opcodes, by what they do; false if op_ is none of these
  bool text();
  bool container();
  bool memory();
  bool calls();

  [[noreturn]] void bad(const std::string& what) const { in_.bad(what + ", opcode " + pickle_opcode_name(op_), at_); }
  template <class T>
  T number() {
    return load_le<T>(in_.take(sizeof(T)).data());
  }

  void push(Id id);
  Id push(PickleValue value);
  void push(PickleKind kind, int64_t number = 0) { push(PickleValue{.kind = kind, .number = number}); }
  void push_text(PickleKind kind, uint64_t length);
  Id pop();
  std::vector<Id> pop_mark();
  PickleValue& value(Id id) { return out_.values[id]; }
  Id top() const;
  PickleValue& target(PickleKind kind);  // the top, which must be of that kind
  std::string_view line();

  void push_long(uint64_t length);
  void push_tuple(std::vector<Id> items);
  void append(std::vector<Id> items);
  void set_items(std::vector<Id> items);
  void remember(uint64_t index);
  void recall(uint64_t index);
  void push_global(std::string_view module, std::string_view name);
  void stack_global();
  void persistent();
  void reduce();
  void build();

  PickleBytes& in_;
  Pickle& out_;
  std::vector<Id> stack_, memo_;
  std::vector<size_t> marks_;
  std::unordered_map<std::string_view, uint32_t> storages_;
  uint8_t op_ = 0;
  uint64_t at_ = 0;  // of op_
};

void Machine::run() {
  op_ = 0x80;
  if (in_.take(1)[0] != '\x80' || (at_ = in_.at(), number<uint8_t>() - 2u > 3))
    fail(Code::unsupported, "{}: is a pickle of protocol 0 or 1, or of a future one, need 2 to 5. Save it with torch.save",
         in_.file().path());
  for (;;) {
    at_ = in_.at();
    op_ = number<uint8_t>();
    if (op_ == '.') break;
    if (!literal() && !text() && !container() && !memory() && !calls()) bad("is not what torch.save writes");
  }
  if (stack_.size() != 1 || !marks_.empty())
    bad("the stream ends with " + std::to_string(stack_.size()) + " values and " + std::to_string(marks_.size()) +
        " marks, need one value");
  out_.root = stack_[0];
}

bool Machine::literal() {
  switch (op_) {
    case 'N': push(PickleKind::none); return true;
    case 0x88: push(PickleKind::boolean, 1); return true;
    case 0x89: push(PickleKind::boolean, 0); return true;
    case 'J': push(PickleKind::integer, number<int32_t>()); return true;
    case 'K': push(PickleKind::integer, number<uint8_t>()); return true;
    case 'M': push(PickleKind::integer, number<uint16_t>()); return true;
    case 'G': in_.take(8), push(PickleKind::real); return true;
    case 0x8a: push_long(number<uint8_t>()); return true;
    case 0x8b: {
      auto length = number<int32_t>();
      if (length < 0) bad("negative length");
      push_long(static_cast<uint64_t>(length));
      return true;
    }
    case 0x95:
      if (auto length = number<uint64_t>(); length > in_.left())
        bad("frame of " + std::to_string(length) + " bytes ends after the file");
      return true;
    default: return false;
  }
}

bool Machine::text() {
  switch (op_) {
    case 'U':
    case 0x8c: push_text(PickleKind::text, number<uint8_t>()); return true;
    case 'T':
    case 'X': push_text(PickleKind::text, number<uint32_t>()); return true;
    case 0x8d: push_text(PickleKind::text, number<uint64_t>()); return true;
    case 'C': push_text(PickleKind::object, number<uint8_t>()); return true;
    case 'B': push_text(PickleKind::object, number<uint32_t>()); return true;
    case 0x8e: push_text(PickleKind::object, number<uint64_t>()); return true;
    default: return false;
  }
}

bool Machine::container() {
  switch (op_) {
    case '(':
      if (marks_.size() == kMaxValues) bad("too many marks");
      marks_.push_back(stack_.size());
      return true;
    case ']': push(PickleKind::list); return true;
    case '}': push(PickleKind::dict); return true;
    case 0x8f: push(PickleKind::object); return true;
    case ')': push_tuple({}); return true;
    case 't': push_tuple(pop_mark()); return true;
    case 0x85: push_tuple({pop()}); return true;
    case 0x86: {
      Id b = pop(), a = pop();
      push_tuple({a, b});
      return true;
    }
    case 0x87: {
      Id c = pop(), b = pop(), a = pop();
      push_tuple({a, b, c});
      return true;
    }
    case 'a': append({pop()}); return true;
    case 'e': append(pop_mark()); return true;
    case 's': {
      Id item = pop(), key = pop();
      set_items({key, item});
      return true;
    }
    case 'u': set_items(pop_mark()); return true;
    case 0x90: pop_mark(), target(PickleKind::object); return true;
    case 0x91: pop_mark(), push(PickleKind::object); return true;
    default: return false;
  }
}

bool Machine::memory() {
  switch (op_) {
    case '0': pop(); return true;
    case '1': pop_mark(); return true;
    case 'q': remember(number<uint8_t>()); return true;
    case 'r': remember(number<uint32_t>()); return true;
    case 0x94: remember(memo_.size()); return true;
    case 'h': recall(number<uint8_t>()); return true;
    case 'j': recall(number<uint32_t>()); return true;
    default: return false;
  }
}

bool Machine::calls() {
  switch (op_) {
    case 'c':
    case 'i': {
      std::string module(line()), name(line());
      push_global(module, name);
      if (op_ == 'i') bad("is not what torch.save writes");
      return true;
    }
    case 0x93: stack_global(); return true;
    case 'Q': persistent(); return true;
    case 'R':
    case 0x81: reduce(); return true;
    case 'b': build(); return true;
    case 0x82:
    case 0x83:
    case 0x84: bad("refuses to run code: a name from the extension registry");
    default: return false;
  }
}

void Machine::push(Id id) {
  if (stack_.size() == kMaxValues) bad("stack too deep, need at most " + std::to_string(kMaxValues));
  stack_.push_back(id);
}

Machine::Id Machine::push(PickleValue value) {
  if (out_.values.size() == kMaxValues) bad("too many values, need at most " + std::to_string(kMaxValues));
  auto id = static_cast<Id>(out_.values.size());
  out_.values.push_back(std::move(value));
  push(id);
  return id;
}

void Machine::push_text(PickleKind kind, uint64_t length) {
  if (kind == PickleKind::text && length > kMaxText) bad("text of " + std::to_string(length) + " bytes, need at most 1 MiB");
  std::string_view bytes = in_.take(length);
  if (kind != PickleKind::text) return push(kind);
  push({.kind = kind, .text = out_.texts.emplace_back(bytes)});
}

Machine::Id Machine::top() const {
  if (stack_.size() <= (marks_.empty() ? 0 : marks_.back())) bad("the stack is empty");
  return stack_.back();
}

Machine::Id Machine::pop() {
  Id id = top();
  stack_.pop_back();
  return id;
}

std::vector<Machine::Id> Machine::pop_mark() {
  if (marks_.empty()) bad("there is no mark");
  auto begin = stack_.begin() + static_cast<ptrdiff_t>(marks_.back());
  std::vector<Id> items(begin, stack_.end());
  stack_.erase(begin, stack_.end());
  marks_.pop_back();
  return items;
}

PickleValue& Machine::target(PickleKind kind) {
  PickleValue& v = value(top());
  if (v.kind != kind) bad(std::string("got ") + pickle_kind_name(v.kind) + ", need " + pickle_kind_name(kind));
  return v;
}

// Up to a newline, as GLOBAL has its two names.
std::string_view Machine::line() {
  std::string& text = out_.texts.emplace_back();
  for (char c; (c = in_.take(1)[0]) != '\n';) {
    if (text.size() == 256) bad("a name longer than 256 bytes");
    text += c;
  }
  return text;
}

void Machine::push_long(uint64_t length) {
  std::string_view bytes = in_.take(length);
  if (length > 8) {  // only ever a magic number
    push({.kind = PickleKind::object, .text = out_.texts.emplace_back(bytes)});
    return;
  }
  uint64_t bits = 0;
  for (size_t i = 0; i < length; i++) bits |= uint64_t{static_cast<uint8_t>(bytes[i])} << (8 * i);
  if (length > 0 && length < 8 && (bytes[length - 1] & 0x80)) bits |= ~uint64_t{0} << (8 * length);
  push(PickleKind::integer, static_cast<int64_t>(bits));
}

void Machine::push_tuple(std::vector<Id> items) { push({.kind = PickleKind::tuple, .items = std::move(items)}); }

void Machine::append(std::vector<Id> items) {
  PickleValue& list = target(PickleKind::list);
  if (std::find(items.begin(), items.end(), stack_.back()) != items.end()) bad("a list that contains itself");
  list.items.insert(list.items.end(), items.begin(), items.end());
}

void Machine::set_items(std::vector<Id> items) {
  PickleValue& dict = target(PickleKind::dict);
  if (items.size() % 2) bad("a key without a value");
  if (std::find(items.begin(), items.end(), stack_.back()) != items.end()) bad("a dict that contains itself");
  dict.items.insert(dict.items.end(), items.begin(), items.end());
}

void Machine::remember(uint64_t index) {
  if (index >= kMaxValues) bad("memo index " + std::to_string(index) + ", need less than " + std::to_string(kMaxValues));
  Id id = top();
  if (index >= memo_.size()) memo_.resize(index + 1, kUnset);
  memo_[index] = id;
}

void Machine::recall(uint64_t index) {
  if (index >= memo_.size() || memo_[index] == kUnset) bad("unknown memo index " + std::to_string(index));
  push(memo_[index]);
}

void Machine::push_global(std::string_view module, std::string_view name) {
  GlobalMeaning meaning = find_global(in_, at_, module, name);
  push(PickleKind::global, static_cast<int64_t>(meaning.global) | static_cast<int64_t>(meaning.type) << 8);
}

void Machine::stack_global() {
  const PickleValue name = value(pop()), module = value(pop());
  if (name.kind != PickleKind::text || module.kind != PickleKind::text) bad("a name that is not a text");
  push_global(module.text, name.text);
}

// ("storage", type, key, device, count[, no view]): names bytes that lie elsewhere in the file.
void Machine::persistent() {
  const PickleValue& id = value(pop());
  if (id.kind != PickleKind::tuple || id.items.empty()) bad("a reference that is not a tuple");
  auto item = [&](size_t i) -> const PickleValue& { return value(id.items[i]); };
  if (item(0).text == "module")
    fail(Code::unsupported, "{}: contains a pickled model class (byte {}). Save model.state_dict() instead of the object",
         in_.file().path(), at_);
  size_t n = id.items.size();
  bool fits = (n == 5 || n == 6) && item(0).text == "storage" && item(1).kind == PickleKind::global &&
              static_cast<PickleGlobal>(item(1).number & 0xFF) == PickleGlobal::storage &&
              item(2).kind == PickleKind::text && item(4).kind == PickleKind::integer && item(4).number >= 0;
  if (!fits) bad("a reference that is no storage");
  if (n == 6 && item(5).kind != PickleKind::none)
    fail(Code::unsupported, "{}: holds a view of a storage (byte {}), which cannot be read. Save it with a newer PyTorch",
         in_.file().path(), at_);
  PickleStorage storage{static_cast<FileType>(item(1).number >> 8), item(2).text, static_cast<uint64_t>(item(4).number)};
  auto [at, fresh] = storages_.try_emplace(storage.key, static_cast<uint32_t>(out_.storages.size()));
  if (fresh) out_.storages.push_back(storage);
  const PickleStorage& known = out_.storages[at->second];
  if (known.type != storage.type || known.count != storage.count)
    bad("storage " + shown(storage.key) + " with two types or sizes");
  push(PickleKind::storage, at->second);
}

// REDUCE and NEWOBJ: what is called is always a name from the allow-list.
void Machine::reduce() {
  const PickleValue &args = value(pop()), &callee = value(pop());
  if (callee.kind != PickleKind::global) bad(std::string("calls ") + pickle_kind_name(callee.kind));
  if (args.kind != PickleKind::tuple) bad(std::string("the arguments are ") + pickle_kind_name(args.kind));
  push(call_global(in_, at_, out_, static_cast<PickleGlobal>(callee.number & 0xFF), args.items));
}

// An object's own state: OrderedDict's _metadata, a NumPy dtype. Nothing of it is needed.
void Machine::build() {
  pop();
  PickleKind kind = value(top()).kind;
  if (kind != PickleKind::dict && kind != PickleKind::object)
    bad(std::string("sets the state of ") + pickle_kind_name(kind));
}

}  // namespace

const PickleValue* Pickle::get(const PickleValue& dict, std::string_view key) const {
  for (size_t i = 0; i + 1 < dict.items.size(); i += 2)
    if (values[dict.items[i]].kind == PickleKind::text && values[dict.items[i]].text == key)
      return &values[dict.items[i + 1]];
  return nullptr;
}

Pickle parse_pickle(PickleBytes& bytes) {
  Pickle pickle;
  Machine(bytes, pickle).run();
  return pickle;
}

}  // namespace fovea
