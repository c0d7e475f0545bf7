// A drawing of a network: its layers as boxes from top to bottom, its blocks as frames.
#pragma once
#include "_layers.h"

namespace fovea::cli {

// An SVG document. title and subtitle stand above.
std::string draw_network(const std::vector<Layer>& layers, const std::string& title, const std::string& subtitle);

}  // namespace fovea::cli
