#include "base/settings.h"

#include <cmath>

#include "base/error.h"
#include "base/text.h"

namespace fovea {

int Settings::integer(const std::string& name, int fallback) const {
  auto it = numbers_.find(name);
  if (it == numbers_.end()) return fallback;
  double v = it->second.size() == 1 ? it->second[0] : NAN;
  if (!(std::fabs(v) <= 1 << 24) || std::trunc(v) != v)
    fail(Code::bad_file, "the setting \"{}\" must be one integer", escape_control(name));
  return static_cast<int>(v);
}

float Settings::number(const std::string& name, float fallback) const {
  auto it = numbers_.find(name);
  if (it == numbers_.end()) return fallback;
  if (it->second.size() != 1) fail(Code::bad_file, "the setting \"{}\" must be one number", escape_control(name));
  return static_cast<float>(it->second[0]);
}

std::string Settings::text(const std::string& name, const std::string& fallback) const {
  auto it = texts_.find(name);
  return it == texts_.end() ? fallback : it->second;
}

std::vector<double> Settings::list(const std::string& name, const std::vector<double>& fallback) const {
  auto it = numbers_.find(name);
  return it == numbers_.end() ? fallback : it->second;
}

}  // namespace fovea
