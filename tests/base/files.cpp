#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <set>
#include <thread>

#include "base/atomic_file.h"
#include "base/checksum.h"
#include "base/error.h"

namespace fovea {
namespace {

namespace fs = std::filesystem;

class Files : public testing::Test {
 protected:
  void SetUp() override { fs::create_directories(dir_); }
  void TearDown() override { fs::remove_all(dir_); }
  std::string at(const std::string& name) { return dir_ + "/" + name; }
  std::set<std::string> names() {
    std::set<std::string> out;
    for (const auto& entry : fs::directory_iterator(dir_)) out.insert(entry.path().filename());
    return out;
  }
  std::string dir_ = testing::TempDir() + "fovea_files_" + std::to_string(getpid());
};

template <class F>
void expect_error(Code code, const std::string& text, F call) {
  try {
    call();
    ADD_FAILURE() << "nothing thrown, expected: " << text;
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), code) << e.what();
    EXPECT_NE(std::string(e.what()).find(text), std::string::npos) << e.what();
  }
}

TEST_F(Files, WritesAndReadsBack) {
  std::string bytes(300'000, 'x');
  for (size_t i = 0; i < bytes.size(); i++) bytes[i] = static_cast<char>(i * i >> 3);
  for (size_t size : {size_t{0}, size_t{1}, size_t{4095}, size_t{4096}, size_t{4097}, bytes.size()}) {
    write_file(at("a"), bytes.substr(0, size));
    EXPECT_EQ(read_file(at("a")), bytes.substr(0, size));
  }
  EXPECT_EQ(names(), std::set<std::string>{"a"});
}

TEST_F(Files, NothingHappensBeforeCommit) {
  write_file(at("a"), "old");
  {
    AtomicFile file(at("a"));
    file.reserve(1 << 20);
    file.write("new");
    EXPECT_EQ(read_file(at("a")), "old");
    EXPECT_EQ(names().size(), 2u);
    EXPECT_EQ(names().begin()->rfind(".a.tmp." + std::to_string(getpid()) + ".", 0), 0u);
  }
  EXPECT_EQ(read_file(at("a")), "old");
  EXPECT_EQ(names(), std::set<std::string>{"a"});
}

TEST_F(Files, ReservedSpaceIsNotContent) {
  AtomicFile file(at("a"));
  file.reserve(1 << 20);
  file.write("four");
  file.commit();
  EXPECT_EQ(fs::file_size(at("a")), 4u);
  EXPECT_THROW(file.commit(), Error);
}

TEST_F(Files, RespectsTheUmask) {
  mode_t before = umask(027);
  write_file(at("a"), "");
  umask(before);
  EXPECT_EQ(fs::status(at("a")).permissions(), fs::perms(0640));
}

TEST_F(Files, WritesThroughALink) {
  write_file(at("real"), "old");
  fs::create_symlink("real", at("link"));
  write_file(at("link"), "new");
  EXPECT_TRUE(fs::is_symlink(at("link")));
  EXPECT_EQ(read_file(at("real")), "new");
}

TEST_F(Files, TwoWritersLeaveOneWholeFile) {
  auto writer = [&](char c) {
    for (int i = 0; i < 20; i++) write_file(at("a"), std::string(10'000, c));
  };
  std::thread other(writer, 'x');
  writer('y');
  other.join();
  std::string text = read_file(at("a"));
  EXPECT_EQ(text, std::string(10'000, text[0]));
  EXPECT_EQ(names(), std::set<std::string>{"a"});
}

TEST_F(Files, SaysWhyItCannotWrite) {
  write_file(at("file"), "");
  expect_error(Code::usage, "the folder " + at("no") + " does not exist", [&] { write_file(at("no/a"), "x"); });
  expect_error(Code::usage, at("file") + " is not a folder", [&] { write_file(at("file/a"), "x"); });
  expect_error(Code::usage, "is a folder, need a file name", [&] { write_file(dir_, "x"); });
  expect_error(Code::usage, "is a folder, need a file name", [&] { write_file(at("a/"), "x"); });
  expect_error(Code::usage, "empty name", [&] { write_file("", "x"); });
  expect_error(Code::usage, "not a regular file", [&] { write_file("/dev/null", "x"); });
  expect_error(Code::resources, "cannot be replaced", [&] { write_file(at(std::string(256, 'n')), "x"); });
  write_file(at(std::string(255, 'n')), "x");
  EXPECT_EQ(names().size(), 2u);
  EXPECT_FALSE(fs::is_regular_file("/dev/null"));
}

TEST_F(Files, AFullDiskKeepsTheOldFile) {
  write_file(at("a"), "old");
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit limit = {10'000, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &limit);
  expect_error(Code::resources, "a: cannot be written: File too large", [&] {
    AtomicFile file(at("a"));
    file.write(std::string(100'000, 'x'));  // the first 10,000 bytes succeed: a short write
  });
  expect_error(Code::resources, "cannot reserve 18446744073709551615 bytes", [&] { AtomicFile(at("a")).reserve(~0ull); });
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(read_file(at("a")), "old");
  EXPECT_EQ(names(), std::set<std::string>{"a"});
}

TEST_F(Files, SaysWhyItCannotRead) {
  write_file(at("a"), "12345");
  ASSERT_EQ(mkfifo(at("pipe").c_str(), 0600), 0);
  expect_error(Code::bad_file, "No such file", [&] { read_file(at("none")); });
  expect_error(Code::bad_file, "is a folder", [&] { read_file(dir_); });
  expect_error(Code::bad_file, "not a regular file", [&] { read_file(at("pipe")); });
  expect_error(Code::bad_file, "at most 4", [&] { read_file(at("a"), 4); });
  EXPECT_EQ(read_file(at("a"), 5), "12345");
}

TEST_F(Files, ReadsFilesThatHideTheirSize) {
  EXPECT_NE(read_file("/proc/self/status").find("VmRSS"), std::string::npos);
  expect_error(Code::bad_file, "at most 10", [&] { read_file("/proc/self/status", 10); });
}

// FIPS 180-4 and NIST's example messages.
TEST(Sha256, KnownAnswers) {
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(sha256_hex(std::string(1'000'000, 'a')), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

// RFC 3720, appendix B.4.
TEST(Crc32c, KnownAnswers) {
  EXPECT_EQ(crc32c("123456789", 9), 0xE3069283u);
  EXPECT_EQ(crc32c(std::string(32, '\0').data(), 32), 0x8A9136AAu);
  EXPECT_EQ(crc32c(std::string(32, '\xFF').data(), 32), 0x62A8AB43u);
  EXPECT_EQ(crc32c(nullptr, 0), 0u);
}

TEST(Crc32c, GoesOnWhereItStopped) {
  std::string text = "the quick brown fox jumps over the lazy dog";
  uint32_t whole = crc32c(text.data(), text.size());
  for (size_t cut = 0; cut <= text.size(); cut++) {
    EXPECT_EQ(crc32c(text.data() + cut, text.size() - cut, crc32c(text.data(), cut)), whole);
  }
}

}  // namespace
}  // namespace fovea
