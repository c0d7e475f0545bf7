#include "io/gzip.h"

#include <unistd.h>
#include <zlib.h>

#include <algorithm>

#include "base/atomic_file.h"
#include "base/error.h"

namespace fovea {
namespace {

constexpr uint64_t kMostRatio = 200;                  // of what it was packed to; real data stay far below
constexpr uint64_t kAlwaysFits = uint64_t{64} << 20;  // few bytes do no harm, whatever the ratio

std::string inflate_gzip(const std::string& path, const std::string& packed, uint64_t most) {
  most = std::min(most, std::max(kAlwaysFits, packed.size() * kMostRatio));
  z_stream z{};
  if (inflateInit2(&z, 15 + 16) != Z_OK) fail(Code::resources, "{}: no memory to inflate it", path);
  struct End {
    z_stream* z;
    ~End() { inflateEnd(z); }
  } end{&z};
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  z.avail_in = static_cast<uInt>(packed.size());
  std::string out;
  for (int status = Z_OK; status != Z_STREAM_END;) {
    if (out.size() > most)
      fail(Code::resources, "{}: inflates to more than {} bytes, the most that is accepted", path, most);
    size_t filled = z.total_out;
    out.resize(std::min<uint64_t>(std::max<uint64_t>(packed.size() * 4, filled * 2), most) + 1);
    z.next_out = reinterpret_cast<Bytef*>(out.data() + filled);
    z.avail_out = static_cast<uInt>(out.size() - filled);
    status = inflate(&z, Z_NO_FLUSH);
    if (status == Z_BUF_ERROR || (status == Z_OK && z.avail_in == 0 && z.avail_out > 0))
      fail(Code::bad_file, "{}: gzip data is truncated. Copy or download it again", path);
    if (status != Z_OK && status != Z_STREAM_END)
      fail(Code::bad_file, "{}: gzip data is damaged: {}. Copy or download it again", path,
           z.msg ? z.msg : "no reason given");
    if (z.avail_out > 0 || status == Z_STREAM_END) out.resize(z.total_out);
  }
  if (z.avail_in > 0) fail(Code::bad_file, "{}: {} bytes follow the end of the gzip data", path, z.avail_in);
  return out;
}

}  // namespace

std::string read_maybe_gzip(const std::string& path, uint64_t most) {
  std::string bytes = read_file(path, std::min<uint64_t>(most, 0xFFFFFFFF));
  return bytes.starts_with("\x1F\x8B") ? inflate_gzip(path, bytes, most) : bytes;
}

std::string find_maybe_gzip(const std::string& dir, const std::string& stem) {
  for (const char* ending : {"", ".gz"}) {
    std::string path = dir + "/" + stem + ending;
    if (access(path.c_str(), F_OK) == 0) return path;
  }
  return "";
}

}  // namespace fovea
