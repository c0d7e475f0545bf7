#include "io/image.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string_view>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/text.h"
#include "io/exif.h"
#include "io/image_codecs.h"

namespace fovea {
namespace {

// Formats that people have and that are not read here, with what turns them into one that is.
struct Foreign {
  std::string_view name, hint;
  size_t offset;
  std::string_view magic;
};

using namespace std::string_view_literals;
constexpr size_t kMagicBytes = 12;  // that tell every format apart
constexpr Foreign kForeign[] = {
    {"GIF", "convert IN.gif[0] OUT.png", 0, "GIF8"sv},
    {"BMP", "convert IN.bmp OUT.png", 0, "BM"sv},
    {"TIFF or camera RAW", "convert IN.tiff OUT.png", 0, "II*\0"sv},
    {"TIFF or camera RAW", "convert IN.tiff OUT.png", 0, "MM\0*"sv},
    {"BigTIFF", "convert IN.tiff OUT.png", 0, "II+\0"sv},
    {"BigTIFF", "convert IN.tiff OUT.png", 0, "MM\0+"sv},
    {"PDF", "pdftoppm -png IN.pdf OUT", 0, "%PDF"sv},
    {"AVIF", "avifdec IN.avif OUT.png", 4, "ftypavif"sv},
    {"AVIF", "avifdec IN.avif OUT.png", 4, "ftypavis"sv},
    {"HEIC", "heif-convert IN.heic OUT.png", 4, "ftyphei"sv},
    {"HEIC", "heif-convert IN.heic OUT.png", 4, "ftyphev"sv},
    {"HEIF", "heif-convert IN.heic OUT.png", 4, "ftypmif1"sv},
    {"HEIF", "heif-convert IN.heic OUT.png", 4, "ftypmsf1"sv},
    {"a video", "ffmpeg -i IN OUT-%04d.png", 4, "ftyp"sv},
    {"a video", "ffmpeg -i IN OUT-%04d.png", 0, "\x1A\x45\xDF\xA3"sv},
    {"JPEG 2000", "opj_decompress -i IN.jp2 -o OUT.png", 4, "jP  "sv},
    {"JPEG 2000", "opj_decompress -i IN.j2k -o OUT.png", 0, "\xFF\x4F\xFF\x51"sv},
    {"JPEG XL", "djxl IN.jxl OUT.png", 4, "JXL "sv},
    {"JPEG XL", "djxl IN.jxl OUT.png", 0, "\xFF\x0A"sv},
    {"Photoshop", "convert IN.psd[0] OUT.png", 0, "8BPS"sv},
    {"ICO", "convert IN.ico[0] OUT.png", 0, "\0\0\1\0"sv},
};

bool has_at(std::string_view b, size_t at, std::string_view magic) {
  return b.size() >= at && b.substr(at).starts_with(magic);
}

[[noreturn]] void fail_foreign(const std::string& name, std::string_view format, std::string_view hint) {
  fail(Code::unsupported, "{}: is {}, need JPEG, PNG or WebP. Convert it first, for example: {}", name, format, hint);
}

// Text that a failed download or a checkout without its large files leaves in the place of a picture.
[[noreturn]] void fail_text_file(const std::string& name, std::string_view head) {
  std::string lower(head);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return c < 128 ? std::tolower(c) : c; });
  if (lower.find("<svg") != lower.npos) fail_foreign(name, "SVG", "rsvg-convert IN.svg -o OUT.png");
  if (head.starts_with("version https://git-lfs"))
    fail(Code::bad_file, "{}: is a git-lfs pointer, not a picture. Run: git lfs pull", name);
  if (lower.find("<html") != lower.npos || lower.find("<!doctype html") != lower.npos)
    fail(Code::bad_file, "{}: is an HTML page, need a picture. The download failed?", name);
  fail(Code::bad_file, "{}: is text, need a JPEG, PNG or WebP picture", name);
}

[[noreturn]] void fail_format(std::span<const uint8_t> bytes, const std::string& name) {
  std::string_view head(reinterpret_cast<const char*>(bytes.data()), std::min<size_t>(bytes.size(), 1024));
  for (const Foreign& f : kForeign) {
    if (has_at(head, f.offset, f.magic)) fail_foreign(name, f.name, f.hint);
  }
  auto odd = [](unsigned char c) { return c < 9 || (c > 13 && c < 32) || c == 127; };
  bool text = bytes[0] < 128 && std::none_of(head.begin(), head.end(), odd);
  if (text) fail_text_file(name, head);
  fail(Code::bad_file, "{}: is not a picture: the first bytes are {:02x}, need a JPEG, PNG or WebP", name,
       fmt::join(bytes.first(std::min<size_t>(bytes.size(), 4)), " "));
}

bool is_jpeg(std::string_view b) { return has_at(b, 0, "\xFF\xD8\xFF"sv); }
bool is_png(std::string_view b) { return has_at(b, 0, "\x89PNG\r\n\x1A\n"sv); }
bool is_webp(std::string_view b) { return has_at(b, 0, "RIFF"sv) && has_at(b, 8, "WEBP"sv); }

// What is no picture is refused at its first bytes: a stream may have no end.
std::string read_stdin(uint64_t most) {
  std::string text;
  bool known = false;
  std::array<char, 65536> buffer;
  for (;;) {
    ssize_t got = read(STDIN_FILENO, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail(Code::bad_file, "standard input: cannot be read: {}", std::strerror(errno));
    if (got == 0) return text;
    if (text.size() + static_cast<size_t>(got) > most)
      fail(Code::resources, "standard input: more than {} bytes, need a picture of at most that", most);
    text.append(buffer.data(), static_cast<size_t>(got));
    if (!known && text.size() >= kMagicBytes && !is_jpeg(text) && !is_png(text) && !is_webp(text))
      fail_format(as_bytes(text), "standard input");
    known = text.size() >= kMagicBytes;
  }
}

}  // namespace

void check_image_size(const std::string& name, uint64_t h, uint64_t w, const ImageLimits& limits) {
  if (h == 0 || w == 0) fail(Code::bad_file, "{}: the header says {}x{} pixels, need at least 1x1", name, w, h);
  if (std::max(h, w) > limits.side)
    fail(Code::resources, "{}: is too large: got {}x{} pixels, need at most {} on a side", name, w, h, limits.side);
  if (h > limits.pixels / w)
    fail(Code::resources, "{}: is too large: got {}x{} pixels, need at most {} in all", name, w, h, limits.pixels);
}

void check_image_memory(const std::string& name, uint64_t bytes, const ImageLimits& limits) {
  if (bytes <= limits.memory) return;
  auto text = [](uint64_t b) { return human_bytes(static_cast<double>(b)); };
  throw NoRoom(Code::resources,
               escape_control(fmt::format("{}: is too large for the memory: it takes {}, at most {} are left for a picture. "
                                          "Use fewer threads or workers, or raise --mem-limit",
                                          name, text(bytes), text(limits.memory))));
}

void decode_image(std::span<const uint8_t> bytes, const std::string& name, Image& out, const ImageLimits& limits) {
  std::string_view head(reinterpret_cast<const char*>(bytes.data()), std::min(bytes.size(), kMagicBytes));
  if (bytes.empty()) fail(Code::bad_file, "{}: is empty, need a JPEG, PNG or WebP picture", name);
  out.c = 3;
  if (is_jpeg(head)) {
    decode_jpeg(bytes, name, out, limits);
  } else if (is_png(head)) {
    decode_png(bytes, name, out, limits);
  } else if (is_webp(head)) {
    decode_webp(bytes, name, out, limits);
  } else {
    fail_format(bytes, name);
  }
  out.orientation = exif_orientation(bytes);
}

Image decode_image(std::span<const uint8_t> bytes, const std::string& name, const ImageLimits& limits) {
  Image out;
  decode_image(bytes, name, out, limits);
  return out;
}

std::string read_image_bytes(const std::string& path, const ImageLimits& limits) {
  if (path == "-") return read_stdin(std::min(limits.file_bytes, limits.memory / 2));  // while it grows it is there twice
  std::error_code none;
  uint64_t size = std::filesystem::file_size(path, none);
  if (!none) check_image_memory(path, size, limits);
  return read_file(path, limits.file_bytes);
}

Image load_image(const std::string& path, const ImageLimits& limits) {
  std::string bytes = read_image_bytes(path, limits);
  return decode_image(as_bytes(bytes), path == "-" ? "standard input" : path, limits);
}

Image orient(const Image& a) {
  int o = a.orientation;
  if (o < 2 || o > 8) return a;
  Image out{o >= 5 ? a.w : a.h, o >= 5 ? a.h : a.w, a.c, std::vector<uint8_t>(a.pixels.size())};
  bool from_bottom = o == 3 || o == 4 || o == 6 || o == 7, from_right = o == 2 || o == 3 || o == 7 || o == 8;
  uint8_t* to = out.pixels.data();
  for (int y = 0; y < out.h; y++) {
    for (int x = 0; x < out.w; x++, to += a.c) {
      int sy = o >= 5 ? x : y, sx = o >= 5 ? y : x;
      if (from_bottom) sy = a.h - 1 - sy;
      if (from_right) sx = a.w - 1 - sx;
      std::memcpy(to, &a.pixels[(size_t(sy) * a.w + sx) * a.c], a.c);
    }
  }
  return out;
}

bool is_picture_name(const std::string& name) {
  size_t dot = name.rfind('.');
  if (dot == name.npos) return false;
  std::string ending = name.substr(dot + 1);
  for (char& c : ending) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  static constexpr const char* kEndings[] = {"jpg", "jpeg", "jpe", "jfif", "png", "webp"};
  return std::any_of(std::begin(kEndings), std::end(kEndings), [&](const char* e) { return ending == e; });
}

}  // namespace fovea
