#include "io/weights/blob.h"

#include <zlib.h>

#include <algorithm>
#include <memory>

#include "base/error.h"

namespace fovea {

namespace {

constexpr uint64_t kChunk = 256 << 10;

[[noreturn]] void bad_checksum(const InputFile& file, const std::string& what, uint32_t got, uint32_t need) {
  fail(Code::bad_file, "{}: {} is damaged (CRC-32): got {:08x}, need {:08x}. Download or save the file again", file.path(),
       what, got, need);
}

uint32_t add_crc(uint32_t crc, const void* data, uint64_t bytes) {
  return static_cast<uint32_t>(::crc32_z(crc, static_cast<const Bytef*>(data), bytes));
}

// Ends the zlib stream on every way out.
struct Inflater {
  z_stream z{};
  Inflater() {
    if (::inflateInit2(&z, -MAX_WBITS) != Z_OK) fail(Code::resources, "zlib cannot start: out of memory");
  }
  ~Inflater() { ::inflateEnd(&z); }
};

}  // namespace

void verify_blob(const InputFile& file, const Blob& blob, const std::string& what) {
  auto chunk = std::make_unique<char[]>(kChunk);
  uint32_t crc = 0;
  for (uint64_t done = 0; done < blob.size; done += kChunk) {
    uint64_t n = std::min(kChunk, blob.size - done);
    file.read(blob.offset + done, chunk.get(), n);
    crc = add_crc(crc, chunk.get(), n);
  }
  if (crc != blob.crc) bad_checksum(file, what, crc, blob.crc);
}

void inflate_blob(const InputFile& file, const Blob& blob, const std::string& what, void* out) {
  auto chunk = std::make_unique<char[]>(kChunk);
  Inflater inflater;
  z_stream& z = inflater.z;
  auto* to = static_cast<Bytef*>(out);
  uint64_t taken = 0, made = 0;
  int state = Z_OK;
  while (state == Z_OK) {
    if (z.avail_in == 0) {
      uint64_t n = std::min(kChunk, blob.stored - taken);
      if (n == 0) break;
      file.read(blob.offset + taken, chunk.get(), n);
      taken += n;
      z.next_in = reinterpret_cast<Bytef*>(chunk.get());
      z.avail_in = static_cast<uInt>(n);
    }
    Bytef spare;  // where a stream that is longer than it says shows itself
    uint64_t room = std::min<uint64_t>(blob.size - made, 1u << 30);
    z.next_out = room ? to + made : &spare;
    z.avail_out = static_cast<uInt>(room ? room : 1);
    uInt before = z.avail_out;
    state = ::inflate(&z, Z_NO_FLUSH);
    made += before - z.avail_out;
    if (made > blob.size) break;
  }
  if (state != Z_STREAM_END || made != blob.size || taken != blob.stored || z.avail_in != 0)
    fail(Code::bad_file, "{}: {} does not unpack (deflate): need exactly {} bytes. Download or save the file again",
         file.path(), what, blob.size);
  uint32_t crc = add_crc(0, out, blob.size);
  if (crc != blob.crc) bad_checksum(file, what, crc, blob.crc);
}

std::string blob_text(const InputFile& file, const Blob& blob, const std::string& what) {
  std::string text(blob.size, '\0');
  if (blob.deflated) {
    inflate_blob(file, blob, what, text.data());
    return text;
  }
  file.read(blob.offset, text.data(), blob.size);
  uint32_t crc = add_crc(0, text.data(), text.size());
  if (blob.has_crc && crc != blob.crc) bad_checksum(file, what, crc, blob.crc);
  return text;
}

}  // namespace fovea
