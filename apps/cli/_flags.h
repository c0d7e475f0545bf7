// What a verb accepts: flags and names, parsed into the verb's own variables. One description gives parsing, ranges,
// suggestions after a typo, and the help text.
#pragma once
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace fovea::cli {

struct Flag {
  std::string name;   // "--batch"; a one-letter form follows a comma: "--verbose,-v"
  std::string value;  // what stands for the value in the help: "N", "FILE"; empty: a switch
  std::string help;   // empty: not listed
  std::function<void(const std::string& text)> set;
  std::string section;  // of the help
};

class Flags {
 public:
  // usage: "predict MODEL [--weights FILE] PICTURE..."; about: what the verb does, one or more lines.
  Flags(std::string usage, std::string about) : usage_(std::move(usage)), about_(std::move(about)) {}

  void section(std::string title) { section_ = std::move(title); }  // of the flags that follow
  void add(Flag flag);
  void flag(const std::string& name, bool& out, const std::string& help);
  void text(const std::string& name, const std::string& value, std::string& out, const std::string& help);
  void choice(const std::string& name, std::vector<std::string> choices, std::string& out, const std::string& help);
  void number(const std::string& name, int& out, int lo, int hi, const std::string& help);
  void number(const std::string& name, double& out, double lo, double hi, const std::string& help);
  void numbers(const std::string& name, std::vector<float>& out, double lo, double hi, const std::string& help);  // 1 or 3
  void bytes(const std::string& name, uint64_t& out, const std::string& help);                                    // 512M, 2G
  // What follows the verb and is no flag. `least` of them are needed; one fills `out` in order of the calls.
  void name(const std::string& value, std::string& out, bool needed = true);
  void names(const std::string& value, std::vector<std::string>& out, size_t least);

  // False: the help was asked for and has been printed. Throws usage errors.
  bool parse(std::span<const std::string> args);
  std::string help() const;

 private:
  const Flag& find(const std::string& name) const;
  void take_words(const std::vector<std::string>& words);

  struct Word {
    std::string value;
    std::string* out;
    bool needed;
  };
  std::string usage_, about_, section_ = "Options";
  std::vector<Flag> flags_;
  std::vector<Word> words_;
  std::string rest_value_;
  std::vector<std::string>* rest_ = nullptr;
  size_t rest_least_ = 0;
};

// "512M", "2G", "1.5GiB" or plain bytes; usage error otherwise.
uint64_t parse_bytes(const std::string& text, const std::string& where);

}  // namespace fovea::cli
