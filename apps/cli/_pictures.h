// The pictures that a user names: files, folders, globs, and "-" for standard input.
#pragma once
#include <string>
#include <vector>

namespace fovea::cli {

// In the order given; folders with everything below them, sorted. Usage error for a glob without matches, bad_file for a
// folder without pictures. What does not exist stays in the list: opening it will say so.
std::vector<std::string> find_pictures(const std::vector<std::string>& names);

}  // namespace fovea::cli
