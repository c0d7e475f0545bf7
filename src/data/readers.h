// One reader per kind of data, called by open_dataset.
#pragma once
#include "data/dataset.h"

namespace fovea {

Dataset open_folder(const std::string& dir, const std::string& split, const DataOptions& options);
Dataset open_csv(const std::string& file, const std::string& split, const DataOptions& options);
Dataset open_cifar10(const std::string& dir, const std::string& split, const DataOptions& options);
Dataset open_mnist(const std::string& dir, const std::string& split, const DataOptions& options);
Dataset open_fashion_mnist(const std::string& dir, const std::string& split, const DataOptions& options);
Dataset open_table(const std::string& file, const std::string& split, const DataOptions& options);

// Where each of the data's classes stands among `wanted` (as given when that is empty). The two must be the same set.
// some: classes may be missing.
void match_classes(Dataset& data, const std::vector<std::string>& wanted, const std::string& where, bool some = false);

// `"a", "b", "c" and 4 more`.
std::string list_names(const std::vector<std::string>& names, size_t most = 3);

}  // namespace fovea
