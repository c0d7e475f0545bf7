// Small pictures and networks made on the spot, so that tests need no data.
#pragma once
#include <string>

namespace fovea::cli_test {

// DIR/train/{bright,dark}/N.png and DIR/val/..., `count` pictures per class of 28x28 pixels.
void make_pictures(const std::string& dir, int count);
// An untrained network for the classes "bright" and "dark", as fovea train would save it.
void make_network(const std::string& file, const std::string& model = "cnn_mnist");

}  // namespace fovea::cli_test
