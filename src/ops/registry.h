// All operators, by the files of this folder.
#pragma once
#include "ir/op.h"

namespace fovea {
std::vector<const Op*> all_ops();
}
