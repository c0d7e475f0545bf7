#include "base/text.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/random.h"

namespace fovea {
namespace {

// Bytes that favour the borders: controls, quotes, and the beginnings and ends of UTF-8 sequences.
std::string hostile_text(uint64_t seed) {
  constexpr std::string_view kLikely("\0\n\r\x1b\"\\<&'a\x7f\x80\xbf\xc2\xc0\xe0\xed\xa0\xef\xf0\x90\xf4\xf5\xff", 24);
  Random r(1, seed);
  std::string text;
  for (uint32_t n = r.below(12); n > 0; n--) text += r.below(8) ? kLikely[r.below(24)] : static_cast<char>(r.below(256));
  return text;
}

std::string json_string(const std::string& text) { return '"' + text + '"'; }

TEST(EscapeControl, PrintsWhatIsSafeAndNothingElse) {
  EXPECT_EQ(escape_control("plain, Müller, 猫, 🐈"), "plain, Müller, 猫, 🐈");
  EXPECT_EQ(escape_control("a\nb\t\x1b[0m\x7f"), "a\\x0ab\\x09\\x1b[0m\\x7f");
  EXPECT_EQ(escape_control(std::string_view("\0", 1)), "\\x00");
  EXPECT_EQ(escape_control("\xC2\x9B"), "\\xc2\\x9b");           // the 8-bit form of ESC [
  EXPECT_EQ(escape_control("\xC0\x80"), "\\xc0\\x80");           // overlong
  EXPECT_EQ(escape_control("\xED\xA0\x80"), "\\xed\\xa0\\x80");  // a surrogate
  EXPECT_EQ(escape_control("\xF4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");
  EXPECT_EQ(escape_control("\xE7\x8C"), "\\xe7\\x8c");  // cut short
  for (const char* c : {"\u061C", "\u200E", "\u200F", "\u2028", "\u202A", "\u202E", "\u2066", "\u2069"})
    EXPECT_NE(escape_control(c), c) << escape_control(c);
  EXPECT_EQ(escape_control("a\u202Egnp.exe"), "a\\xe2\\x80\\xaegnp.exe");
  for (const char* c : {"\u061B", "\u200D", "\u2010", "\u2027", "\u202F", "\u2065", "\u206A", "שלום"})
    EXPECT_EQ(escape_control(c), c);
}

TEST(Printable, IsShortAfterItIsSafe) {
  EXPECT_EQ(printable("a\nb"), "a\\x0ab");
  EXPECT_EQ(printable(std::string(2 << 20, '\n')).size(), 200u);
}

TEST(Clip, LeavesOutTheMiddleAndNeverCutsACharacter) {
  EXPECT_EQ(clip("", 5), "");
  EXPECT_EQ(clip("12345", 5), "12345");
  EXPECT_EQ(clip("123456", 5), "1...6");
  EXPECT_EQ(clip("a long file name: what is wrong. The hint", 20), "a long fi...The hint");
  EXPECT_EQ(clip("\xC3\xA9\xE7\x8C\xAB\xF0\x9F\x90\x88!", 4), "\xC3\xA9\xE7\x8C\xAB\xF0\x9F\x90\x88!");  // 4 characters
  EXPECT_EQ(clip("\xE7\x8C\xAB\xE7\x8C\xAB\xE7\x8C\xAB\xE7\x8C\xAB\xE7\x8C\xAB\xC3\xA9", 5), "\xE7\x8C\xAB...\xC3\xA9");
  EXPECT_EQ(clip(std::string(100, '\x80'), 5).size(), 5u);  // no characters at all
  EXPECT_EQ(clip("abcdef", 2), "...");
  for (uint64_t seed = 0; seed < 5000; seed++) {
    std::string safe;
    for (uint64_t part = 0; part < 4; part++) safe += escape_control(hostile_text(4 * seed + part)) + "é猫🐈";
    for (size_t most : {3u, 10u, 20u}) {
      std::string clipped = clip(safe, most);
      ASSERT_TRUE(nlohmann::json::accept(nlohmann::json(clipped).dump())) << seed;  // dump() throws on bad UTF-8
      auto characters = std::count_if(clipped.begin(), clipped.end(), [](char c) { return (c & 0xC0) != 0x80; });
      ASSERT_LE(static_cast<size_t>(characters), most) << seed;
    }
  }
}

TEST(Escape, AnyBytesBecomeValidText) {
  for (uint64_t seed = 0; seed < 20000; seed++) {
    std::string text = hostile_text(seed), safe = escape_control(text), json = escape_json(text);
    for (char c : safe) ASSERT_FALSE(static_cast<unsigned char>(c) < 0x20 || c == 0x7f) << seed;
    ASSERT_EQ(escape_control(safe), safe) << seed;
    ASSERT_TRUE(nlohmann::json::accept(nlohmann::json(safe).dump())) << seed;  // dump() throws on bad UTF-8
    ASSERT_TRUE(nlohmann::json::accept(json_string(json))) << seed;
    ASSERT_EQ(json.find('<'), json.npos) << seed;
    ASSERT_EQ(escape_xml(text).find_first_of("<>\"'"), std::string::npos) << seed;
  }
}

TEST(EscapeJson, ReadsBackAsItWas) {
  for (std::string text : {"", "a\"b\\c\nd\r\te", "</script>", "Müller 猫 🐈", "\x01\x1f\x7f"}) {
    EXPECT_EQ(nlohmann::json::parse(json_string(escape_json(text))).get<std::string>(), text);
  }
  EXPECT_EQ(nlohmann::json::parse(json_string(escape_json("a\xFFz"))).get<std::string>(), "a\xEF\xBF\xBDz");
}

TEST(EscapeXml, NamesTheSpecialCharacters) {
  EXPECT_EQ(escape_xml("<a href=\"x\">R&D's</a>"), "&lt;a href=&quot;x&quot;&gt;R&amp;D&#39;s&lt;/a&gt;");
  EXPECT_EQ(escape_xml("\x01 \xFF"), "\xEF\xBF\xBD \xEF\xBF\xBD");
}

TEST(EscapeCsv, QuotesAndDefuses) {
  EXPECT_EQ(escape_csv("tabby cat"), "tabby cat");
  EXPECT_EQ(escape_csv("cat, tabby"), "\"cat, tabby\"");
  EXPECT_EQ(escape_csv("the \"cat\""), "\"the \"\"cat\"\"\"");
  EXPECT_EQ(escape_csv("two\nlines"), "\"two\nlines\"");
  EXPECT_EQ(escape_csv("=1+1"), "'=1+1");
  EXPECT_EQ(escape_csv("@SUM(A1,B1)"), "\"'@SUM(A1,B1)\"");
  EXPECT_EQ(escape_csv("-1.5e-3"), "-1.5e-3");  // a number stays one
  EXPECT_EQ(escape_csv("-1+1"), "'-1+1");
}

TEST(Nearest, BestFirstAndNothingFarAway) {
  const std::vector<std::string> names = {"resnet18", "resnet50", "resnet152", "convnext_tiny", "vit_base_patch16_224"};
  using Names = std::vector<std::string>;
  EXPECT_EQ(nearest("resnet51", names), (Names{"resnet50", "resnet18", "resnet152"}));
  EXPECT_EQ(nearest("ConvNeXt-Tiny", names), Names{"convnext_tiny"});
  EXPECT_EQ(nearest("convnxet_tiny", names), Names{"convnext_tiny"});
  EXPECT_EQ(nearest("convnext", names), Names{"convnext_tiny"});  // not typed to its end
  EXPECT_EQ(nearest("resnet51", names, 1), Names{"resnet50"});
  EXPECT_EQ(nearest("efficientnet", names), Names{});
  EXPECT_EQ(nearest("", names), Names{});
  EXPECT_EQ(nearest(std::string(1'000'000, 'r'), names), Names{});
}

TEST(Nearest, Suggests) {
  const std::vector<std::string> names = {"cos", "cosine", "step"};
  EXPECT_EQ(suggestion("stpe", names), "; did you mean \"step\"?");
  EXPECT_EQ(suggestion("cosin", names), "; did you mean \"cosine\"?");
  EXPECT_EQ(suggestion("cosi", names), "; did you mean \"cos\" or \"cosine\"?");
  EXPECT_EQ(suggestion("warmup", names), "");
}

TEST(Human, Bytes) {
  EXPECT_EQ(human_bytes(0), "0 B");
  EXPECT_EQ(human_bytes(1023), "1023 B");
  EXPECT_EQ(human_bytes(1536), "1.5 KiB");
  EXPECT_EQ(human_bytes(1024 * 1024 - 1), "1.0 MiB");  // never "1024.0 KiB"
  EXPECT_EQ(human_bytes(2.5e9), "2.3 GiB");
  EXPECT_EQ(human_bytes(-2048), "-2.0 KiB");
}

TEST(Human, Digits) {
  EXPECT_EQ(group_digits(0), "0");
  EXPECT_EQ(group_digits(999), "999");
  EXPECT_EQ(group_digits(-1000), "-1,000");
  EXPECT_EQ(group_digits(-100), "-100");
  EXPECT_EQ(group_digits(11689512), "11,689,512");
  EXPECT_EQ(group_digits(INT64_MIN), "-9,223,372,036,854,775,808");
}

TEST(Split, KeepsEmptyParts) {
  EXPECT_EQ(split("a,b", ','), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(split(",a,", ','), (std::vector<std::string>{"", "a", ""}));
  EXPECT_EQ(split("", ','), std::vector<std::string>{""});
  EXPECT_EQ(trim(" \t a b\r\n"), "a b");
  EXPECT_EQ(trim(" \n"), "");
}

TEST(Glob, Matches) {
  EXPECT_TRUE(glob_match("*.bias", "stages.0.blocks.1.mlp.fc1.bias"));
  EXPECT_FALSE(glob_match("*.bias", "stages.0.bias.x"));
  EXPECT_TRUE(glob_match("", ""));
  EXPECT_FALSE(glob_match("", "a"));
  EXPECT_TRUE(glob_match("**", ""));
  EXPECT_TRUE(glob_match("a?c", "abc"));
  EXPECT_FALSE(glob_match("a?c", "ac"));
  EXPECT_TRUE(glob_match("layer[1-3].*", "layer2.conv"));
  EXPECT_FALSE(glob_match("layer[1-3].*", "layer4.conv"));
  EXPECT_TRUE(glob_match("[!a]x", "bx"));
  EXPECT_FALSE(glob_match("[!a]x", "ax"));
  EXPECT_TRUE(glob_match("[]]", "]"));
  EXPECT_TRUE(glob_match("a[b", "a[b"));  // not closed: itself
  EXPECT_TRUE(glob_match("*ab*ab", "abxababab"));
}

TEST(Glob, IsNeverExponential) {
  std::string pattern;
  for (int i = 0; i < 1000; i++) pattern += "*a";
  EXPECT_FALSE(glob_match(pattern + "b", std::string(5000, 'a')));
}

}  // namespace
}  // namespace fovea
