// Files are told by content, never by extension; a file that is something else is named as what it is.
#include <algorithm>
#include <array>
#include <cctype>

#include "base/error.h"
#include "io/weights/contents.h"

namespace fovea {

namespace {

struct Known {
  size_t offset;
  std::string_view magic;
  Code code;
  const char* what;  // "{path}: {what}"
};

using namespace std::string_view_literals;

constexpr std::array<Known, 15> kKnown = {{
    {0, "version https://git-lfs"sv, Code::bad_file, "is a git-lfs pointer, not weights; run git lfs pull"},
    {0, "\x89HDF\r\n\x1a\n"sv, Code::unsupported,
     "looks like Keras HDF5; fovea reads safetensors and PyTorch files. Convert it to safetensors"},
    {4, "TFL3"sv, Code::unsupported,
     "is a TensorFlow Lite model; fovea reads safetensors and PyTorch files. Convert it to safetensors"},
    {0, "GGUF"sv, Code::unsupported, "is a GGUF file; fovea reads safetensors and PyTorch files. Convert it to safetensors"},
    {0, "\x93NUMPY"sv, Code::unsupported,
     "is a NumPy array; fovea reads safetensors and PyTorch files. Convert it to safetensors"},
    {0, "\x1f\x8b"sv, Code::unsupported, "is compressed with gzip. Unpack it first (gunzip)"},
    {0, "BZh"sv, Code::unsupported, "is compressed with bzip2. Unpack it first (bunzip2)"},
    {0,
     "\xFD"
     "7zXZ"sv,
     Code::unsupported, "is compressed with xz. Unpack it first (unxz)"},
    {0, "\x28\xB5\x2F\xFD"sv, Code::unsupported, "is compressed with zstd. Unpack it first (unzstd)"},
    {257, "ustar"sv, Code::unsupported,
     "is a tar archive (also PyTorch's format before 0.2). Unpack it, or save it again with a newer PyTorch"},
    {0, "\x89PNG"sv, Code::bad_file, "is a PNG image, not weights. Swap the arguments?"},
    {0, "\xFF\xD8\xFF"sv, Code::bad_file, "is a JPEG image, not weights. Swap the arguments?"},
    {0, "%PDF"sv, Code::bad_file, "is a PDF document, not weights. Check the download"},
    {0,
     "\x7F"
     "ELF"sv,
     Code::bad_file, "is a program, not weights. Check the path"},
    {0, "fLaC"sv, Code::bad_file, "is a sound file, not weights. Check the path"},
}};

bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

bool begins_with_nocase(std::string_view text, std::string_view lower) {
  return text.size() >= lower.size() && std::equal(lower.begin(), lower.end(), text.begin(), [](char a, char b) {
           return a == std::tolower(static_cast<unsigned char>(b));
         });
}

// Bodies of failed downloads.
void refuse_page(const std::string& path, std::string_view head) {
  size_t start = head.find_first_not_of(" \t\r\n");
  if (start == std::string_view::npos) return;
  head.remove_prefix(start);
  for (std::string_view mark : {"<!doctype html"sv, "<html"sv, "<head"sv, "<!--"sv})
    if (begins_with_nocase(head, mark))
      fail(Code::bad_file, "{}: is an HTML page (download failed?), not weights. Download it again", path);
  if (head[0] == '<' && head.size() > 1 && (head[1] == '?' || std::isalpha(static_cast<unsigned char>(head[1]))))
    fail(Code::bad_file, "{}: is an XML text (download failed?), not weights. Download it again", path);
}

// Eight bytes of little-endian length below 2^32, then the header's brace: no text has those zeros.
bool has_safetensors_header(std::string_view head) {
  return head.size() > 8 && head.substr(4, 4) == "\0\0\0\0"sv && head[8] == '{';
}

bool is_json(std::string_view head) {
  size_t start = head.find_first_not_of(" \t\r\n");
  return start != std::string_view::npos && (head[start] == '{' || head[start] == '[') &&
         std::none_of(head.begin(), head.end(), [](char c) { return c == 0; });
}

// A ModelProto begins with field 1 (ir_version, a small number) and then a length-delimited field.
bool is_onnx(std::string_view head) {
  return head.size() > 4 && head[0] == 0x08 && head[1] > 0 && head[1] < 0x20 && (head[2] & 7) == 2 && head[2] > 8;
}

bool is_text_pickle(const InputFile& file, std::string_view head) {
  if (head.starts_with("L119547037146038801333356L\n.")) return true;  // torch.save's magic number; storages follow
  bool start = head[0] == '(' || head[0] == ']' || head[0] == '}' || head[0] == 'c';
  return start && file.text(file.size() - 1, 1) == ".";
}

}  // namespace

WeightFormat identify_weights(const InputFile& file) {
  const std::string& path = file.path();
  if (file.size() < 8)
    fail(Code::bad_file, "{}: file too short for a safetensors header ({} bytes), need 8 or more. Download it again", path,
         file.size());
  std::string head = file.text(0, std::min<uint64_t>(file.size(), 512));
  if (has_safetensors_header(head)) return WeightFormat::safetensors;
  if (head.starts_with("PK\3\4") || head.starts_with("PK\5\6")) return WeightFormat::torch_zip;
  for (const Known& known : kKnown)
    if (head.size() > known.offset && std::string_view(head).substr(known.offset).starts_with(known.magic))
      fail(known.code, "{}: {}", path, known.what);
  if (head[0] == '\x80' && head[1] >= 2 && head[1] <= 5) return WeightFormat::torch_legacy;
  refuse_page(path, head);
  if (is_json(head)) return WeightFormat::safetensors_index;
  if (ends_with(path, ".safetensors")) return WeightFormat::safetensors;
  if (is_onnx(head))
    fail(Code::unsupported,
         "{}: looks like an ONNX model; fovea reads safetensors and PyTorch files. Convert it to safetensors", path);
  if (is_text_pickle(file, head))
    fail(Code::unsupported,
         "{}: is a Python pickle of protocol 0 or 1, need torch.save's 2. Save it with torch.save(state_dict, file)", path);
  fail(Code::bad_file, "{}: is not a weight file (unknown first bytes): need safetensors or a PyTorch .pth. Check the path",
       path);
}

}  // namespace fovea
