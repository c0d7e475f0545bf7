// Files that may be gzipped, by content and not by name.
#pragma once
#include <cstdint>
#include <string>

namespace fovea {

// The file's bytes, inflated if they are gzip; bad_file if damaged or truncated, resources if more than `most` come out.
std::string read_maybe_gzip(const std::string& path, uint64_t most = uint64_t{1} << 30);

// `dir/stem`, or `dir/stem.gz` if only that exists; empty if neither does.
std::string find_maybe_gzip(const std::string& dir, const std::string& stem);

}  // namespace fovea
