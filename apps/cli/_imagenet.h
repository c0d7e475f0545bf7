// The thousand classes of ImageNet-1k (ILSVRC 2012), in the order of its networks' outputs: networks/imagenet1k.txt, whose
// rows are a synset of WordNet 3.0 and its first word.
#pragma once
#include <string>
#include <vector>

namespace fovea::cli {

constexpr int kImageNetClasses = 1000;

std::vector<std::string> imagenet_names();    // "tench"
std::vector<std::string> imagenet_synsets();  // "n01440764"

}  // namespace fovea::cli
