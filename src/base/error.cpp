#include "base/error.h"

#include "base/text.h"

namespace fovea {

void fail_text(Code code, const std::string& text) { throw Error(code, escape_control(text)); }

void fail_check(const char* file, int line, const char* what) { fail(Code::bug, "{}:{}: not so: {}", file, line, what); }

}  // namespace fovea
