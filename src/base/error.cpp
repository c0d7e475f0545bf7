#include "base/error.h"

#include "base/text.h"

namespace fovea {

void fail_text(Code code, const std::string& text) { throw Error(code, escape_control(text)); }

}  // namespace fovea
