// A strict reader of zip directories. What two zip readers could understand differently is an error: gaps, overlap,
// duplicate names, comments, local headers or data descriptors that disagree with the central directory.
#pragma once
#include <string>
#include <vector>

#include "io/weights/blob.h"

namespace fovea {

struct ZipEntry {
  std::string name;  // never used as a path
  Blob data;
};

std::vector<ZipEntry> read_zip_directory(const InputFile& file);  // in the order of the directory

}  // namespace fovea
