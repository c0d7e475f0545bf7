// Bad pictures: one line, the right exit code, no large allocation, no waiting. IM01 to IM11 number the kinds of badness.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <zlib.h>

#include <cstring>
#include <ctime>
#include <filesystem>
#include <functional>

#include "base/error.h"
#include "io/images.h"

namespace fovea {
namespace {

using std::string;
using namespace std::string_literals;

string big_endian(uint64_t v, int n) {
  string s(n, '\0');
  for (int i = n - 1; i >= 0; i--, v >>= 8) s[i] = static_cast<char>(v);
  return s;
}

string chunk(const string& kind, const string& data) {
  string body = kind + data;
  uLong sum = crc32(0, reinterpret_cast<const Bytef*>(body.data()), static_cast<uInt>(body.size()));
  return big_endian(data.size(), 4) + body + big_endian(sum, 4);
}

string deflated(const string& data) {
  uLongf size = compressBound(data.size());
  string out(size, '\0');
  compress2(reinterpret_cast<Bytef*>(out.data()), &size, reinterpret_cast<const Bytef*>(data.data()), data.size(), 9);
  return out.substr(0, size);
}

// `depth` bits of RGB, or of grey; `rows` is what follows the header.
string png(uint64_t w, uint64_t h, const string& rows, int depth = 8, int color = 2, const string& extra = "") {
  string head = big_endian(w, 4) + big_endian(h, 4) + big_endian(depth, 1) + big_endian(color, 1) + string(3, '\0');
  return "\x89PNG\r\n\x1a\n" + chunk("IHDR", head) + extra + chunk("IDAT", deflated(rows)) + chunk("IEND", "");
}

string jpeg() { return read_file(sample_file("420.jpg")); }

string with(string bytes, size_t at, const string& change) { return bytes.replace(at, change.size(), change); }

string jpeg_of_size(const string& h_then_w) { return with(jpeg(), jpeg().find("\xFF\xC0") + 5, h_then_w); }

// A progressive JPEG whose first scan is there `n` times more.
string many_scans(int n) {
  string bytes = read_file(sample_file("progressive.jpg")), more;
  size_t begin = bytes.find("\xFF\xDA"), end = bytes.find("\xFF\xC4", begin);
  for (int i = 0; i < n; i++) more += bytes.substr(begin, end - begin);
  return bytes.insert(begin, more);
}

string flipped_bit(string bytes, size_t at) {
  bytes[at] = static_cast<char>(bytes[at] ^ 4);
  return bytes;
}

struct Case {
  const char* id;
  std::function<string()> bytes;
  Code code;
  const char* message;  // must be part of it
};

const Case kBad[] = {
    {"IM01 empty", [] { return ""s; }, Code::bad_file, "is empty"},
    {"IM01 one byte", [] { return "\xFF"s; }, Code::bad_file, "not a picture"},
    {"IM01 text", [] { return "a shopping list\n"s; }, Code::bad_file, "is text"},
    {"IM01 html", [] { return "<!DOCTYPE html><html>404</html>"s; }, Code::bad_file, "HTML page"},
    {"IM01 git-lfs", [] { return "version https://git-lfs.github.com/spec/v1\noid"s; }, Code::bad_file, "git lfs pull"},
    {"IM01 noise", [] { return "\x01\x02\x03\x04\x05"s; }, Code::bad_file, "01 02 03 04"},
    {"IM02 premature EOI", [] { return jpeg().substr(0, jpeg().size() * 4 / 5) + "\xFF\xD9"; }, Code::bad_file,
     "damaged or truncated"},
    {"IM02 bad Huffman table", [] { return with(jpeg(), jpeg().find("\xFF\xC4") + 5, string(16, '\xFF')); }, Code::bad_file,
     "damaged"},
    {"IM03 jpeg 65500x65500", [] { return jpeg_of_size("\xFF\xDC\xFF\xDC"); }, Code::resources, "65500x65500"},
    {"IM03 jpeg larger than its bytes", [] { return jpeg_of_size("\x30\x00\x30\x00"s); }, Code::bad_file,
     "too few for 12288x12288"},
    {"IM03 png 2^31-1 square", [] { return png(0x7fffffff, 0x7fffffff, ""); }, Code::resources, "too large"},
    {"IM03 png 100k x 100k 1 bit", [] { return png(100000, 100000, string(1 << 20, '\0'), 1, 0); }, Code::resources,
     "100000x100000"},
    {"IM03 png larger than its bytes", [] { return png(13000, 13000, string(99, '\0')); }, Code::bad_file,
     "too few for 13000x13000"},
    {"IM03 png of no size", [] { return png(0, 7, ""); }, Code::bad_file, "need at least 1x1"},
    {"IM03 webp 16383 square", [] { return "RIFF\x1e\0\0\0WEBPVP8L\x11\0\0\0\x2f\xFE\xBF\xFF\x0F"s + string(13, '\0'); },
     Code::resources, "16383x16383"},
    {"IM04 10000 scans", [] { return many_scans(10000); }, Code::resources, "1000 scans"},
    {"IM04 12 bit", [] { return with(jpeg(), jpeg().find("\xFF\xC0") + 4, "\x0C"); }, Code::unsupported, "precision"},
    {"IM04 lossless", [] { return with(jpeg(), jpeg().find("\xFF\xC0"), "\xFF\xC3"); }, Code::unsupported, "not read"},
    {"IM04 restart markers that are not there",
     [] {
       string j = jpeg();
       return j.insert(j.find("\xFF\xC0"), "\xFF\xDD\0\4\0\1"s);
     },
     Code::bad_file, "RST0"},
    {"IM05 bad CRC",
     [] {
       string p = read_file(sample_file("rgb.png"));
       return flipped_bit(p, p.size() - 14);
     },
     Code::bad_file, "CRC"},
    {"IM05 bad CRC of the header", [] { return flipped_bit(read_file(sample_file("rgb.png")), 30); }, Code::bad_file, "CRC"},
    {"IM05 too few rows", [] { return png(9, 9, string(50, '\0')); }, Code::bad_file, "Not enough"},
    {"IM05 unknown critical chunk", [] { return png(1, 1, string(4, '\0'), 8, 2, chunk("ABCD", "")); }, Code::bad_file,
     "critical"},
    {"IM08 gif", [] { return "GIF89a\1\0\1\0"s; }, Code::unsupported, "is GIF, need"},
    {"IM08 svg", [] { return "<?xml version=\"1.0\"?>\n<svg xmlns="s; }, Code::unsupported, "rsvg-convert"},
    {"IM08 heic",
     [] {
       return "\0\0\0\x18"
              "ftypheic"s;
     },
     Code::unsupported, "heif-convert"},
    {"IM08 avif",
     [] {
       return "\0\0\0\x18"
              "ftypavif"s;
     },
     Code::unsupported, "avifdec"},
    {"IM08 tiff", [] { return "II*\0\x08\0\0\0"s; }, Code::unsupported, "TIFF"},
    {"IM08 pdf", [] { return "%PDF-1.7\n"s; }, Code::unsupported, "pdftoppm"},
    {"IM08 bmp", [] { return "BM\x36\0\0\0\0\0\0\0"s; }, Code::unsupported, "BMP"},
    {"IM08 mp4",
     [] {
       return "\0\0\0\x18"
              "ftypisom"s;
     },
     Code::unsupported, "video"},
    {"IM08 animated webp", [] { return read_file(sample_file("animated.webp")); }, Code::unsupported, "animated"},
};

void expect_error(const std::function<void()>& action, Code code, const string& message, const string& name) {
  try {
    action();
    ADD_FAILURE() << "no error";
  } catch (const Error& e) {
    string text = e.what();
    EXPECT_EQ(e.code(), code) << text;
    EXPECT_NE(text.find(message), string::npos) << text;
    EXPECT_EQ(text.find(name), 0u) << text;
    EXPECT_LE(text.size(), 300u) << text;
    EXPECT_EQ(text.find('\n'), string::npos) << text;
  }
}

long peak_kib() {
  std::istringstream lines(read_file("/proc/self/status"));
  for (string line; std::getline(lines, line);) {
    if (line.starts_with("VmHWM:")) return std::atol(line.c_str() + 6);
  }
  return 0;
}

TEST(BadImage, Table) {
  long before = peak_kib();
  for (const Case& c : kBad) {
    SCOPED_TRACE(c.id);
    std::clock_t begin = std::clock();  // of CPU time, which no other load of the machine lengthens
    string bytes = c.bytes();
    expect_error([&] { decode_image(as_bytes(bytes), "some.jpg"); }, c.code, c.message, "some.jpg: ");
    EXPECT_LT(std::clock() - begin, 2 * CLOCKS_PER_SEC);
  }
  EXPECT_LT(peak_kib() - before, 64 * 1024) << "what a header claims must not be allocated before it is checked";
}

TEST(BadImage, EveryTruncationIsAnError) {  // IM02
  for (const char* name :
       {"420.jpg", "progressive.jpg", "cmyk.jpg", "rgb.png", "interlaced16.png", "lossy.webp", "lossless_alpha.webp"}) {
    string bytes = read_file(sample_file(name));
    for (int percent = 0; percent < 100; percent++) {
      auto part = as_bytes(bytes).first(bytes.size() * percent / 100);
      EXPECT_THROW(decode_image(part, name), Error) << name << " cut at " << percent << " %";
    }
    EXPECT_THROW(decode_image(as_bytes(bytes).first(bytes.size() - 1), name), Error) << name << " without its last byte";
  }
}

TEST(BadImage, BombsInsideAreSkippedUnread) {  // IM05
  string bomb = "k\0\0"s + deflated(string(100 << 20, '\0')), row = string(4, '\0');
  string many;
  for (int i = 0; i < 100000; i++) many += chunk("tEXt", "k\0v"s);
  long before = peak_kib();
  for (const string& extra : {chunk("zTXt", bomb), chunk("iCCP", bomb), many}) {
    EXPECT_EQ(decode_image(as_bytes(png(1, 1, row, 8, 2, extra)), "bomb.png").pixels, std::vector<uint8_t>(3, 0));
  }
  EXPECT_LT(peak_kib() - before, 64 * 1024);
}

TEST(BadImage, HarmlessOddities) {
  string j = jpeg();
  std::vector<uint8_t> pixels = decode_image(as_bytes(j), "a").pixels;
  EXPECT_EQ(decode_image(as_bytes(j + "trailing bytes"), "a").pixels, pixels);
  EXPECT_EQ(decode_image(as_bytes(many_scans(500)), "a").w, 34);   // IM04: many, but not too many
  for (auto [h, w] : {std::pair(1, 1), {1, 10000}, {10000, 1}}) {  // IM07
    Image a = noise(h, w, 3);
    EXPECT_EQ(decode_image(as_bytes(encode_png(view(a))), "a").pixels, a.pixels);
  }
}

TEST(BadImage, LimitsCanBeTightened) {
  expect_error([] { decode_image(as_bytes(jpeg()), "a.jpg", {.pixels = 34 * 24 - 1}); }, Code::resources, "34x24", "a.jpg");
  EXPECT_EQ(decode_image(as_bytes(jpeg()), "a.jpg", {.pixels = 34 * 24}).w, 34);
  expect_error([] { load_image(sample_file("420.jpg"), {.file_bytes = 100}); }, Code::bad_file, "100",
               sample_file("420.jpg"));
}

// The file, the picture, and the picture again or what the decoder keeps.
TEST(BadImage, MoreThanTheMemoryLeft) {
  for (auto [name, kept] : {std::pair{"420.jpg", 3u}, {"rgb.png", 3u}, {"lossy.webp", 5u}}) {
    string path = sample_file(name);
    Image a = load_image(path);
    uint64_t need = read_file(path).size() + a.pixels.size() / 3 * (3 + kept);
    EXPECT_EQ(load_image(path, {.memory = need}).pixels, a.pixels) << name;
    EXPECT_THROW(load_image(path, {.memory = need - 1}), NoRoom) << name;
    expect_error([&] { load_image(path, {.memory = 20}); }, Code::resources, "--mem-limit", path);
  }
  // 34 x 24 pixels: 5 x 3 blocks of brightness, 3 x 2 of each colour, 64 coefficients of two bytes in each.
  string bytes = read_file(sample_file("progressive.jpg"));
  uint64_t need = bytes.size() + 34 * 24 * 3 + (5 * 3 + 2 * 3 * 2) * 128;
  EXPECT_EQ(decode_image(as_bytes(bytes), "a.jpg", {.memory = need}).w, 34);
  EXPECT_THROW(decode_image(as_bytes(bytes), "a.jpg", {.memory = need - 1}), NoRoom);
}

TEST(BadImage, OnlyRegularFilesAreOpened) {  // IM09
  namespace fs = std::filesystem;
  string dir = testing::TempDir() + "fovea_images";
  fs::remove_all(dir);
  fs::create_directories(dir + "/dir.jpg");
  ASSERT_EQ(mkfifo((dir + "/fifo.jpg").c_str(), 0600), 0);
  fs::create_symlink("nowhere", dir + "/dangling.jpg");
  fs::create_symlink("loop.jpg", dir + "/loop.jpg");
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{AF_UNIX, {}};
  std::snprintf(address.sun_path, sizeof address.sun_path, "%s/socket.jpg", dir.c_str());
  EXPECT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  for (string name : {"/dir.jpg", "/fifo.jpg", "/dangling.jpg", "/loop.jpg", "/socket.jpg", "/missing.jpg"}) {
    SCOPED_TRACE(name);
    expect_error([&] { load_image(dir + name); }, Code::bad_file, "", dir + name);
  }
  expect_error([] { load_image("/dev/zero"); }, Code::bad_file, "regular", "/dev/zero");
  close(fd);
  fs::remove_all(dir);
}

TEST(BadImage, NamesAreEscaped) {  // IM10
  for (string name : {"new\nline.jpg", "esc\x1b[31m.jpg", "bad\xFFutf8.jpg", "%s%n.jpg", "-rf.jpg"}) {
    try {
      decode_image(as_bytes("text"s), name);
      FAIL();
    } catch (const Error& e) {
      for (unsigned char c : string(e.what())) ASSERT_TRUE(c >= 32 && c != 127 && c < 0xF5) << name;
    }
  }
}

TEST(BadImage, StandardInput) {  // IM11
  auto from = [](const string& bytes) {
    string path = testing::TempDir() + "fovea_stdin";
    write_file(path, bytes);
    EXPECT_NE(std::freopen(path.c_str(), "rb", stdin), nullptr);
    return load_image("-", {.file_bytes = 1 << 20});
  };
  EXPECT_EQ(from(jpeg()).w, 34);
  expect_error([&] { from(""); }, Code::bad_file, "is empty", "standard input");
  expect_error([&] { from("text"); }, Code::bad_file, "is text", "standard input");
  expect_error([&] { from(string(2 << 20, 'x')); }, Code::bad_file, "is text", "standard input");
  expect_error([&] { from(jpeg() + string(2 << 20, 'x')); }, Code::resources, "1048576", "standard input");
}

// What fuzzing found, and the pictures it began with: an image or an Error, nothing else.
TEST(BadImage, CorpusIsHarmless) {
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(sample_file(""))) {
    string bytes = read_file(entry.path());
    for (size_t i = 0; i < bytes.size(); i += 1 + bytes.size() / 200) {
      try {
        decode_image(as_bytes(flipped_bit(bytes, i)), "x", {.pixels = 1 << 16});
      } catch (const Error&) {}
    }
    files++;
  }
  EXPECT_GE(files, 17);
}

}  // namespace
}  // namespace fovea
