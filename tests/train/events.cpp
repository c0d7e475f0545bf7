// The event file against the format: bytes taken from its description, and a file read back record by record.
#include "train/events.h"

#include <gtest/gtest.h>

#include <cstring>

#include "base/atomic_file.h"
#include "base/checksum.h"

namespace fovea {
namespace {

uint32_t unmasked(const char* at) {
  uint32_t masked;
  std::memcpy(&masked, at, 4);
  masked -= 0xA282EAD8u;
  return masked >> 17 | masked << 15;
}

TEST(Events, ScalarMessageByteForByte) {
  std::pair<std::string, float> scalars[] = {{"loss", 0.5f}};
  std::string want("\x09\0\0\0\0\0\0\xF8\x3F", 9);  // 1: wall time 1.5
  want += "\x10\xAC\x02";                           // 2: step 300
  want += "\x2A\x0D\x0A\x0B\x0A\x04loss\x15";       // 5: summary {1: value {1: tag, 2: simple value
  want += std::string("\0\0\0\x3F", 4);
  EXPECT_EQ(scalars_event(1.5, 300, scalars), want);
}

TEST(Events, RecordsFrameTheirPayload) {
  std::string payload = version_event(2), record = tf_record(payload);
  ASSERT_EQ(record.size(), 8 + 4 + payload.size() + 4);
  uint64_t length;
  std::memcpy(&length, record.data(), 8);
  EXPECT_EQ(length, payload.size());
  EXPECT_EQ(unmasked(record.data() + 8), crc32c(record.data(), 8));
  EXPECT_EQ(record.substr(12, payload.size()), payload);
  EXPECT_EQ(unmasked(record.data() + 12 + payload.size()), crc32c(payload.data(), payload.size()));
  EXPECT_NE(payload.find("brain.Event:2"), std::string::npos);
}

}  // namespace
}  // namespace fovea
