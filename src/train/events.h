// TensorBoard's event files: TFRecords of Event messages, written by hand (two message types, six fields).
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <utility>

namespace fovea {

// One record: length, payload, and their masked CRC-32C.
std::string tf_record(const std::string& payload);
// Payloads of Event messages.
std::string version_event(double wall_time);
std::string scalars_event(double wall_time, int64_t step, std::span<const std::pair<std::string, float>> scalars);

}  // namespace fovea
