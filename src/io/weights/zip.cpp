#include "io/weights/zip.h"

#include <algorithm>
#include <unordered_set>

#include "base/error.h"
#include "io/weights/contents.h"

namespace fovea {

namespace {

constexpr uint64_t kEndBytes = 22, kLocatorBytes = 20, kEnd64Bytes = 56, kCentralBytes = 46, kLocalBytes = 30;
constexpr uint64_t kMaxDirectory = 64'000'000;
constexpr uint64_t kMaxRatio = 200, kRatioFree = 1 << 20;  // a megabyte may be as dense as it likes
constexpr uint16_t kDescriptorFlag = 1 << 3;
constexpr uint16_t kHarmlessFlags = 3 << 1 | kDescriptorFlag | 1 << 11;  // deflate's effort, descriptor, UTF-8 names

struct Directory {
  uint64_t offset, bytes, entries;
};

struct Local {  // an entry with what its local header must repeat
  ZipEntry entry;
  uint64_t header;  // offset of the local header
  uint16_t flags, method;
};

class Reader {
 public:
  explicit Reader(const InputFile& file) : file_(file) {}
  std::vector<ZipEntry> read();

 private:
  template <class... A>
  [[noreturn]] void bad(fmt::format_string<A...> format, A&&... args) const {
    fail(Code::bad_file, "{}: bad zip archive: {}. The file is damaged or was tampered with", file_.path(),
         fmt::vformat(format, fmt::make_format_args(args...)));
  }
  Directory find_directory() const;
  Directory read_end64(const std::string& end, uint64_t locator_at) const;
  std::vector<Local> read_central(const Directory& directory) const;
  Local read_central_entry(const char* at, uint64_t left, uint64_t& taken) const;
  void widen(Local& local, const char* extra, uint64_t bytes) const;
  void check_sizes(const Local& local) const;
  void check_local(Local& local, uint64_t limit) const;
  void check_descriptor(const Local& local, uint64_t end, uint64_t next) const;

  const InputFile& file_;
};

Directory Reader::find_directory() const {
  uint64_t size = file_.size();
  std::string end = size < kEndBytes ? "" : file_.text(size - kEndBytes, kEndBytes);
  if (!end.starts_with("PK\5\6") || load_le<uint16_t>(&end[20]) != 0)
    bad("no end record in the last {} bytes; truncated, or something was appended", kEndBytes);
  if (load_le<uint32_t>(&end[4]) != 0 || load_le<uint16_t>(&end[8]) != load_le<uint16_t>(&end[10]))
    bad("it spans several disks");
  uint64_t tail = size - kEndBytes;
  Directory d{load_le<uint32_t>(&end[16]), load_le<uint32_t>(&end[12]), load_le<uint16_t>(&end[10])};
  if (tail >= kLocatorBytes + kEnd64Bytes && file_.text(tail - kLocatorBytes, 4) == "PK\6\7") {
    d = read_end64(end, tail - kLocatorBytes);
    tail -= kLocatorBytes + kEnd64Bytes;
  }
  if (d.bytes > tail || d.offset != tail - d.bytes)
    bad("the directory at byte {} ({} bytes) does not end at the end record (byte {})", d.offset, d.bytes, tail);
  if (d.bytes > kMaxDirectory) bad("directory too large: got {} bytes, need at most {}", d.bytes, kMaxDirectory);
  return d;
}

// The 64-bit end record must lie right before its locator and agree with the short one, whose fields may be all ones.
Directory Reader::read_end64(const std::string& end, uint64_t locator_at) const {
  std::string locator = file_.text(locator_at, kLocatorBytes), wide = file_.text(locator_at - kEnd64Bytes, kEnd64Bytes);
  bool placed = load_le<uint64_t>(&locator[8]) == locator_at - kEnd64Bytes && load_le<uint32_t>(&locator[4]) == 0 &&
                load_le<uint32_t>(&locator[16]) <= 1;
  if (!placed || !wide.starts_with("PK\6\6") || load_le<uint64_t>(&wide[4]) != kEnd64Bytes - 12 ||
      load_le<uint64_t>(&wide[16]) != 0)
    bad("the zip64 end record is not where it must be (byte {})", locator_at - kEnd64Bytes);
  Directory d{load_le<uint64_t>(&wide[48]), load_le<uint64_t>(&wide[40]), load_le<uint64_t>(&wide[32])};
  auto agrees = [](uint64_t narrow, uint64_t full, uint64_t ones) { return narrow == full || narrow == ones; };
  if (load_le<uint64_t>(&wide[24]) != d.entries || !agrees(load_le<uint16_t>(&end[10]), d.entries, 0xFFFF) ||
      !agrees(load_le<uint32_t>(&end[12]), d.bytes, 0xFFFFFFFF) ||
      !agrees(load_le<uint32_t>(&end[16]), d.offset, 0xFFFFFFFF))
    bad("the zip64 end record disagrees with the end record");
  return d;
}

std::vector<Local> Reader::read_central(const Directory& directory) const {
  std::string bytes = file_.text(directory.offset, directory.bytes);
  std::vector<Local> entries;
  std::unordered_set<std::string_view> names;
  entries.reserve(std::min(directory.entries, directory.bytes / kCentralBytes));  // names are views: they must not move
  uint64_t at = 0, taken = 0;
  while (at < bytes.size()) {
    if (entries.size() == entries.capacity()) bad("more entries than the end record tells ({})", directory.entries);
    entries.push_back(read_central_entry(bytes.data() + at, bytes.size() - at, taken));
    if (!names.insert(entries.back().entry.name).second) bad("duplicate entry name {}", shown(entries.back().entry.name));
    at += taken;
  }
  if (entries.size() != directory.entries) bad("got {} entries, need {}", entries.size(), directory.entries);
  return entries;
}

Local Reader::read_central_entry(const char* at, uint64_t left, uint64_t& taken) const {
  if (left < kCentralBytes || std::string_view(at, 4) != "PK\1\2") bad("broken directory entry");
  uint64_t name = load_le<uint16_t>(at + 28), extra = load_le<uint16_t>(at + 30), comment = load_le<uint16_t>(at + 32);
  taken = kCentralBytes + name + extra + comment;
  if (taken > left) bad("a directory entry is longer than the directory");
  Local local;
  local.entry.name.assign(at + kCentralBytes, name);
  local.flags = load_le<uint16_t>(at + 8);
  local.method = load_le<uint16_t>(at + 10);
  local.header = load_le<uint32_t>(at + 42);
  Blob& data = local.entry.data;
  data = {.stored = load_le<uint32_t>(at + 20),
          .size = load_le<uint32_t>(at + 24),
          .crc = load_le<uint32_t>(at + 16),
          .has_crc = true};
  data.deflated = local.method == 8;
  if (load_le<uint16_t>(at + 34) != 0) bad("entry {} is on another disk", shown(local.entry.name));
  if (local.flags & ~kHarmlessFlags)
    bad("entry {} is encrypted or of an unknown kind (flags {:#x})", shown(local.entry.name), local.flags);
  if (local.method != 0 && local.method != 8)
    fail(Code::unsupported, "{}: zip entry {} is compressed by method {}, need stored or deflate. Pack it again",
         file_.path(), shown(local.entry.name), local.method);
  widen(local, at + kCentralBytes + name, extra);
  check_sizes(local);
  return local;
}

// The zip64 extra field holds, in this order, the values that are all ones in the entry. Some writers add it without need,
// with both sizes; then it must repeat them.
void Reader::widen(Local& local, const char* extra, uint64_t bytes) const {
  Blob& data = local.entry.data;
  std::vector<uint64_t*> wanted;
  for (uint64_t* field : {&data.size, &data.stored, &local.header})
    if (*field == 0xFFFFFFFF) wanted.push_back(field);
  bool found = false;
  for (uint64_t at = 0; at + 4 <= bytes;) {
    uint64_t id = load_le<uint16_t>(extra + at), length = load_le<uint16_t>(extra + at + 2);
    if (at + 4 + length > bytes) bad("entry {} has a broken extra field", shown(local.entry.name));
    auto value = [&](size_t i) { return load_le<uint64_t>(extra + at + 4 + 8 * i); };
    if (id == 1) {
      bool repeats = !wanted.empty() || (length == 16 && value(0) == data.size && value(1) == data.stored);
      if (found || length < 8 * wanted.size() || !repeats) bad("entry {} has a wrong zip64 field", shown(local.entry.name));
      for (size_t i = 0; i < wanted.size(); i++) *wanted[i] = value(i);
      found = true;
    }
    at += 4 + length;
  }
  if (!found && !wanted.empty()) bad("entry {} lacks its zip64 field", shown(local.entry.name));
}

void Reader::check_sizes(const Local& local) const {
  const Blob& data = local.entry.data;
  if (data.stored > file_.size()) bad("entry {} lies outside the file", shown(local.entry.name));
  if (!data.deflated && data.stored != data.size) bad("entry {} is stored but has two sizes", shown(local.entry.name));
  if (data.deflated && data.size > kRatioFree && data.size / kMaxRatio > data.stored)
    fail(Code::resources, "{}: zip entry {} unpacks to more than {} times its size: {} bytes from {}. Refused as a zip bomb",
         file_.path(), shown(local.entry.name), kMaxRatio, data.size, data.stored);
}

// The local header must repeat the directory (with a descriptor: zeros instead), and the data must end before `next`.
void Reader::check_local(Local& local, uint64_t next) const {
  Blob& data = local.entry.data;
  std::string name_text = shown(local.entry.name);
  if (next < local.header || next - local.header < kLocalBytes) bad("entry {} overlaps the next one", name_text);
  std::string head = file_.text(local.header, kLocalBytes);
  if (!head.starts_with("PK\3\4")) bad("entry {} has no local header at byte {}", name_text, local.header);
  uint64_t name = load_le<uint16_t>(&head[26]), extra = load_le<uint16_t>(&head[28]);
  data.offset = local.header + kLocalBytes + name + extra;
  if (data.offset > next || data.stored > next - data.offset) bad("entry {} overlaps the next one", name_text);
  std::string tail = file_.text(local.header + kLocalBytes, name + extra);
  Local again{.entry = {.name = tail.substr(0, name)},
              .header = 0,
              .flags = load_le<uint16_t>(&head[6]),
              .method = load_le<uint16_t>(&head[8])};
  again.entry.data.crc = load_le<uint32_t>(&head[14]);
  again.entry.data.stored = load_le<uint32_t>(&head[18]);
  again.entry.data.size = load_le<uint32_t>(&head[22]);
  const Blob& repeat = again.entry.data;
  bool later = (local.flags & kDescriptorFlag) && !repeat.crc && !repeat.stored && !repeat.size;
  if (!later) widen(again, tail.data() + name, extra);
  if (again.entry.name != local.entry.name || again.flags != local.flags || again.method != local.method ||
      (!later && (repeat.crc != data.crc || repeat.stored != data.stored || repeat.size != data.size)))
    bad("the local header of entry {} disagrees with the directory", name_text);
  check_descriptor(local, data.offset + data.stored, next);
}

// Between the data and the next entry lies nothing, or a data descriptor: [signature] crc stored size, sizes in 4 or 8
// bytes.
void Reader::check_descriptor(const Local& local, uint64_t end, uint64_t next) const {
  const Blob& data = local.entry.data;
  uint64_t gap = next - end;
  bool ok = gap == 0 && !(local.flags & kDescriptorFlag);
  if ((local.flags & kDescriptorFlag) && (gap == 12 || gap == 16 || gap == 20 || gap == 24)) {
    std::string text = file_.text(end, gap);
    bool wide = gap >= 20, has_signature = gap % 8 == 0;
    const char* at = text.data() + (has_signature ? 4 : 0);
    uint64_t stored = wide ? load_le<uint64_t>(at + 4) : load_le<uint32_t>(at + 4);
    uint64_t size = wide ? load_le<uint64_t>(at + 12) : load_le<uint32_t>(at + 8);
    ok = (!has_signature || text.starts_with("PK\7\10")) && load_le<uint32_t>(at) == data.crc && stored == data.stored &&
         size == data.size;
  }
  if (!ok) bad("entry {} is followed by {} bytes that are no valid data descriptor", shown(local.entry.name), gap);
}

std::vector<ZipEntry> Reader::read() {
  Directory directory = find_directory();
  std::vector<Local> entries = read_central(directory);
  std::vector<uint32_t> order(entries.size());
  for (uint32_t i = 0; i < order.size(); i++) order[i] = i;
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) { return entries[a].header < entries[b].header; });
  if (!order.empty() && entries[order[0]].header != 0) bad("{} bytes before the first entry", entries[order[0]].header);
  if (order.empty() && directory.offset != 0) bad("it has no entries but {} bytes of data", directory.offset);
  for (size_t i = 0; i < order.size(); i++) {
    uint64_t next = i + 1 < order.size() ? entries[order[i + 1]].header : directory.offset;
    check_local(entries[order[i]], next);
  }
  std::vector<ZipEntry> out;
  out.reserve(entries.size());
  for (Local& local : entries) out.push_back(std::move(local.entry));
  return out;
}

}  // namespace

std::vector<ZipEntry> read_zip_directory(const InputFile& file) { return Reader(file).read(); }

}  // namespace fovea
