// Weight files built in memory, right and wrong ones: safetensors, pickles, zips, PyTorch files.
#pragma once
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "io/input_file.h"

namespace fovea::test {

inline std::string le(uint64_t value, int bytes) {
  std::string out;
  for (int i = 0; i < bytes; i++) out += static_cast<char>(value >> (8 * i));
  return out;
}

inline uint32_t crc_of(const std::string& data) {
  return static_cast<uint32_t>(::crc32_z(0, reinterpret_cast<const Bytef*>(data.data()), data.size()));
}

template <class T>
std::string raw(const std::vector<T>& values) {
  return std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
}

// An anonymous file with these bytes; `size` beyond them stays a hole.
inline InputFile in_memory(const std::string& bytes, const std::string& name, uint64_t size = 0) {
  int fd = ::memfd_create("test", MFD_CLOEXEC);
  for (size_t done = 0; done < bytes.size();)
    done += static_cast<size_t>(::write(fd, bytes.data() + done, bytes.size() - done));
  if (size && ::ftruncate(fd, static_cast<off_t>(size)) != 0) ::close(fd);
  return InputFile::adopt(fd, name);
}

inline std::string safetensors(const std::string& header, const std::string& data = "") {
  return le(header.size(), 8) + header + data;
}

// ---- pickle ----

class PickleWriter {
 public:
  explicit PickleWriter(int protocol = 2) { op(0x80).bytes(le(static_cast<uint64_t>(protocol), 1)); }
  PickleWriter& op(int code) { return bytes(std::string(1, static_cast<char>(code))); }
  PickleWriter& bytes(const std::string& more) { return out_ += more, *this; }
  PickleWriter& text(const std::string& s) { return op('X').bytes(le(s.size(), 4) + s); }
  PickleWriter& integer(int64_t v) {
    if (v >= INT32_MIN && v <= INT32_MAX) return op('J').bytes(le(static_cast<uint64_t>(v), 4));
    return op(0x8a).bytes(le(8, 1) + le(static_cast<uint64_t>(v), 8));
  }
  PickleWriter& global(const std::string& module, const std::string& name) {
    return op('c').bytes(module + "\n" + name + "\n");
  }
  PickleWriter& integers(const std::vector<int64_t>& values) {
    op('(');
    for (int64_t v : values) integer(v);
    return op('t');
  }
  std::string stop() const { return out_ + "."; }

 private:
  std::string out_;
};

struct TorchTensor {
  std::string name;
  std::string key = "0";
  int64_t count = 6;  // numbers in the storage
  int64_t offset = 0;
  std::vector<int64_t> shape{2, 3}, strides{3, 1};
  std::string storage = "FloatStorage";
};

inline void put_tensor(PickleWriter& p, const TorchTensor& t, bool v2 = true) {
  p.global("torch._utils", v2 ? "_rebuild_tensor_v2" : "_rebuild_tensor").op('(');
  p.op('(').text("storage").global("torch", t.storage).text(t.key).text("cpu").integer(t.count);
  if (!v2) p.op('N');
  p.op('t').op('Q').integer(t.offset).integers(t.shape).integers(t.strides);
  if (v2) p.op(0x89).global("collections", "OrderedDict").op(')').op('R');
  p.op('t').op('R');
}

inline void put_state_dict(PickleWriter& p, const std::vector<TorchTensor>& tensors, bool v2 = true) {
  p.global("collections", "OrderedDict").op(')').op('R').op('(');
  for (const TorchTensor& t : tensors) {
    p.text(t.name);
    put_tensor(p, t, v2);
  }
  p.op('u');
}

inline std::string state_dict(const std::vector<TorchTensor>& tensors, bool v2 = true) {
  PickleWriter p;
  put_state_dict(p, tensors, v2);
  return p.stop();
}

// {wrapper: state dict, "epoch": 3}
inline std::string checkpoint(const std::string& wrapper, const std::vector<TorchTensor>& tensors) {
  PickleWriter p;
  p.op('}').op('(').text(wrapper);
  put_state_dict(p, tensors);
  return p.text("epoch").integer(3).op('u').stop();
}

// ---- zip ----

struct ZipPart {
  std::string name, data;
  bool deflate = false, descriptor = false;
  std::string extra = {};  // field of both headers
  bool wide = false;       // sizes are all ones: `extra` has them
};

struct ZipImage {  // a zip's bytes and where its parts lie, for tests that break it
  std::string bytes;
  std::vector<size_t> local, data, central;
  size_t directory = 0, end64 = 0, end = 0;
  ZipImage& set(size_t at, uint64_t value, int width) {
    return bytes.replace(at, static_cast<size_t>(width), le(value, width)), *this;
  }
};

inline std::string deflated(const std::string& data) {
  std::string out(data.size() + data.size() / 100 + 64, '\0');
  z_stream z{};
  ::deflateInit2(&z, 9, Z_DEFLATED, -MAX_WBITS, 9, Z_DEFAULT_STRATEGY);
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data.data()));
  z.avail_in = static_cast<uInt>(data.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  ::deflate(&z, Z_FINISH);
  out.resize(z.total_out);
  ::deflateEnd(&z);
  return out;
}

inline ZipImage zip(const std::vector<ZipPart>& parts, bool zip64 = false) {
  ZipImage z;
  std::string directory;
  std::vector<size_t> central;
  for (const ZipPart& part : parts) {
    std::string stored = part.deflate ? deflated(part.data) : part.data;
    uint64_t flags = part.descriptor ? 8 : 0, method = part.deflate ? 8 : 0;
    uint64_t ones = 0xFFFFFFFF;
    std::string sums =
        le(crc_of(part.data), 4) + le(part.wide ? ones : stored.size(), 4) + le(part.wide ? ones : part.data.size(), 4);
    std::string common = le(20, 2) + le(flags, 2) + le(method, 2) + le(0, 4);
    z.local.push_back(z.bytes.size());
    central.push_back(directory.size());
    directory += "PK\1\2" + le(20, 2) + common + sums + le(part.name.size(), 2) + le(part.extra.size(), 2) +
                 std::string(10, '\0') + le(z.bytes.size(), 4) + part.name + part.extra;
    z.bytes += "PK\3\4" + common + (part.descriptor ? std::string(12, '\0') : sums) + le(part.name.size(), 2) +
               le(part.extra.size(), 2) + part.name + part.extra;
    z.data.push_back(z.bytes.size());
    z.bytes += stored + (part.descriptor ? "PK\7\10" + sums : "");
  }
  z.directory = z.bytes.size();
  for (size_t at : central) z.central.push_back(z.directory + at);
  z.bytes += directory;
  z.end64 = z.bytes.size();
  std::string counts = le(parts.size(), 8) + le(parts.size(), 8) + le(directory.size(), 8) + le(z.directory, 8);
  if (zip64)
    z.bytes += "PK\6\6" + le(44, 8) + le(45, 4) + le(0, 8) + counts + "PK\6\7" + le(0, 4) + le(z.end64, 8) + le(1, 4);
  z.end = z.bytes.size();
  z.bytes += "PK\5\6" + le(0, 4) + le(parts.size(), 2) + le(parts.size(), 2) + le(directory.size(), 4) + le(z.directory, 4) +
             le(0, 2);
  return z;
}

// ---- torch.save ----

using Storages = std::map<std::string, std::string>;  // key -> bytes

inline std::string six_floats() { return raw(std::vector<float>{0, 1, 2, 3, 4, 5}); }

inline ZipImage torch_zip(const std::string& pickle, const Storages& storages = {{"0", six_floats()}},
                          bool descriptors = true) {
  std::vector<ZipPart> parts{{.name = "m/data.pkl", .data = pickle, .descriptor = descriptors}};
  for (const auto& [key, data] : storages)
    parts.push_back({.name = "m/data/" + key, .data = data, .descriptor = descriptors});
  parts.push_back({.name = "m/version", .data = "3\n", .descriptor = descriptors});
  return zip(parts, descriptors);
}

struct Legacy {
  std::string magic = PickleWriter().op(0x8a).bytes("\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19").stop();
  std::string protocol = PickleWriter().integer(1001).stop();
  std::string system = PickleWriter().op('}').op('(').text("little_endian").op(0x88).op('u').stop();
  size_t width = 4;  // of a number
};

inline std::string torch_legacy(const std::string& pickle, const Storages& storages = {{"0", six_floats()}},
                                const Legacy& with = {}) {
  PickleWriter keys;
  keys.op(']').op('(');
  std::string data;
  for (const auto& [key, bytes] : storages) {
    keys.text(key);
    data += le(bytes.size() / with.width, 8) + bytes;
  }
  return with.magic + with.protocol + with.system + pickle + keys.op('e').stop() + data;
}

}  // namespace fovea::test
