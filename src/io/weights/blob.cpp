#include "io/weights/blob.h"

#include <zlib.h>

#include <algorithm>
#include <memory>
#include <optional>

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

// Raw deflate, which must give exactly `size` bytes; otherwise nothing.
std::optional<std::string> inflated(const std::string& packed, uint64_t size) {
  std::string text(size + 1, '\0');  // one byte more shows a stream that is longer than it says
  z_stream z{};
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  z.avail_in = static_cast<uInt>(packed.size());
  z.next_out = reinterpret_cast<Bytef*>(text.data());
  z.avail_out = static_cast<uInt>(text.size());
  if (::inflateInit2(&z, -MAX_WBITS) != Z_OK) return std::nullopt;
  bool ended = ::inflate(&z, Z_FINISH) == Z_STREAM_END && z.avail_in == 0 && z.avail_out == 1;
  ::inflateEnd(&z);
  if (!ended) return std::nullopt;
  text.pop_back();
  return text;
}

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

std::string blob_text(const InputFile& file, const Blob& blob, const std::string& what, uint64_t most) {
  if (uint64_t bytes = std::max(blob.size, blob.stored); bytes > most)
    fail(Code::bad_file, "{}: {} is too large: got {} bytes, need at most {}. The file is damaged", file.path(), what, bytes,
         most);
  std::string text = file.text(blob.offset, blob.stored);
  if (blob.deflated) {
    auto plain = inflated(text, blob.size);
    if (!plain)
      fail(Code::bad_file, "{}: {} does not unpack (deflate): need exactly {} bytes. Download or save the file again",
           file.path(), what, blob.size);
    text = std::move(*plain);
  }
  uint32_t crc = add_crc(0, text.data(), text.size());
  if (crc != blob.crc) bad_checksum(file, what, crc, blob.crc);
  return text;
}

}  // namespace fovea
