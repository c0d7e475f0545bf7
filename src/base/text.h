// Small text helpers shared by every border of the program.
#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace fovea {

// Control bytes, characters that turn the direction or end a line, and bytes that are not valid UTF-8, as \xNN: what a
// terminal shows is what is there, on one line.
std::string escape_control(std::string_view text);
// At most so many characters (of UTF-8, or bytes that are none): the middle is left out, since a message has its file at
// the beginning and its hint at the end.
std::string clip(std::string_view text, size_t most);
// A name from outside as a person may see it: escaped, and at most 200 characters.
std::string printable(std::string_view name);
// For JSON strings, XML/HTML text and attributes, CSV fields (quoted if needed; formula prefixes are defused).
std::string escape_json(std::string_view text);
std::string escape_xml(std::string_view text);
std::string escape_csv(std::string_view text);

// Names close to `word`, best first: what to suggest after a typo.
std::vector<std::string> nearest(std::string_view word, std::span<const std::string> names, size_t most = 3);
// `; did you mean "a" or "b"?`, or nothing when no name is near.
std::string suggestion(std::string_view word, std::span<const std::string> names);

// 1536 -> "1.5 KiB".
std::string human_bytes(double bytes);
// 11689512 -> "11,689,512".
std::string group_digits(int64_t value);

std::vector<std::string> split(std::string_view text, char separator);
std::string_view trim(std::string_view text);
// Glob over paths or scopes: * any run, ? any one character, [abc]; no character is special to *.
bool glob_match(std::string_view pattern, std::string_view text);

}  // namespace fovea
