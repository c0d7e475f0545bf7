// What a reference implementation was constructed with, by its own argument names: numbers (flags are 0 and 1), lists of
// numbers, texts. Values within values have names with dots: "encoder.dims".
#pragma once
#include <map>
#include <string>
#include <vector>

namespace fovea {

class Settings {
 public:
  void put_numbers(const std::string& name, std::vector<double> numbers) { numbers_[name] = std::move(numbers); }
  void put_text(const std::string& name, std::string text) { texts_[name] = std::move(text); }

  // The setting of that name, or `fallback` if there is none of that kind.
  int integer(const std::string& name, int fallback) const;
  float number(const std::string& name, float fallback) const;
  bool flag(const std::string& name, bool fallback) const { return integer(name, fallback) != 0; }
  std::string text(const std::string& name, const std::string& fallback) const;
  std::vector<double> list(const std::string& name, const std::vector<double>& fallback = {}) const;

 private:
  std::map<std::string, std::vector<double>> numbers_;
  std::map<std::string, std::string> texts_;
};

}  // namespace fovea
