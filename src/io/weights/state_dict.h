// Which of a checkpoint's entries are the weights: the dict itself or the one below a usual key, and their plain names.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "io/weights/pickle.h"

namespace fovea {

struct StateDict {
  std::vector<std::pair<std::string, uint32_t>> tensors;  // name, index into Pickle::tensors; in the file's order
  std::string note;                                       // 'took key "state_dict"; removed prefix "module."'
};

// `key` names the entry to take ("" : the usual ones). Errors: unsupported if there are no weights, usage if no such key.
StateDict find_state_dict(const std::string& path, const Pickle& pickle, const std::string& key);

}  // namespace fovea
