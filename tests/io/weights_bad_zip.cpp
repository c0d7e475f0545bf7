// Damaged and hostile zip archives.
#include "weights_bad.h"

namespace fovea::test {
namespace {

using S = std::string;
constexpr Code bad = Code::bad_file, unsupported = Code::unsupported, resources = Code::resources;

// A good archive with one thing changed.
auto broken(std::function<void(ZipImage&)> change, bool descriptors = false) {
  return [=] {
    ZipImage z = torch_zip(state_dict({{.name = "w"}}), {{"0", six_floats()}}, descriptors);
    change(z);
    return z.bytes;
  };
}

auto zipped_tensor(TorchTensor t) {
  return [t] { return torch_zip(state_dict({t})).bytes; };
}

}  // namespace

std::vector<BadCase> zip_cases() {
  auto extra = [](S field, bool wide) {
    return [=] {
      return zip({{.name = "m/data.pkl", .data = state_dict({{.name = "w"}})},
                  {.name = "m/data/0", .data = six_floats(), .extra = field, .wide = wide}})
          .bytes;
    };
  };
  auto deflated_pickle = [](size_t field, uint64_t value) {  // with a lie in both headers
    return [=] {
      ZipImage z = zip({{.name = "m/data.pkl", .data = state_dict({{.name = "w"}}), .deflate = true},
                        {.name = "m/data/0", .data = six_floats()}});
      return z.set(z.central[0] + field, value, 4).set(z.local[0] + field - 2, value, 4).bytes;
    };
  };
  auto again = [](ZipImage& z) { z.bytes += z.bytes.substr(z.end); };
  return {
      {"PT09a", broken([](ZipImage& z) { z.bytes += "x"; }), bad, "no end record in the last 22 bytes"},
      {"PT09b", broken([](ZipImage& z) { z.set(z.end + 20, 4, 2).bytes += "abcd"; }), bad,
       "no end record in the last 22 bytes"},
      {"PT09c", broken(again), bad, "does not end at the end record"},
      {"PT09d", broken([](ZipImage& z) {
         z.bytes.insert(z.directory, "hidden");
         z.set(z.end + 6 + 16, z.directory + 6, 4);
       }),
       bad, "followed by 6 bytes"},
      {"PT09e", broken([](ZipImage& z) { z.set(z.end64 + 32, 99, 8); }, true), bad, "zip64 end record disagrees"},
      {"PT09f", broken([](ZipImage& z) { z.set(z.end64 + 48, 0, 8); }, true), bad, "zip64 end record disagrees"},
      {"PT09g", broken([](ZipImage& z) { z.set(z.end64 + 48, ~uint64_t{0} - 3, 8).set(z.end + 16, 0xFFFFFFFF, 4); }, true),
       bad, "does not end at the end record"},
      {"PT09h", broken([](ZipImage& z) { z.set(z.end - 12, 0, 8); }, true), bad, "zip64 end record is not where it must be"},
      {"PT09i", broken([](ZipImage& z) { z.set(z.central[1] + 24, 0xFFFFFFFF, 4); }), bad, "lacks its zip64 field"},
      {"PT09j", broken([](ZipImage& z) { z.set(z.central[1] + 42, 0, 4); }), bad, "overlaps"},
      {"PT09L", broken([](ZipImage& z) { z.bytes += S(22, '\0'); }), bad, "no end record"},
      {"PT09M", broken([](ZipImage& z) { z.set(z.end + 20, 1, 2); }), bad, "no end record"},
      {"PT09N", broken([](ZipImage& z) { z.set(z.end + 8, 9, 2); }), bad, "several disks"},
      {"PT09O",
       broken(
           [](ZipImage& z) {
             z.set(z.end64 + 40, z.end64 + 8, 8).set(z.end64 + 48, ~uint64_t{0} - 7, 8).set(z.end + 12, ~uint64_t{0}, 8);
           },
           true),
       bad, "does not end at the end record"},
      {"PT09P",
       [] {
         ZipImage z = zip({});
         return "PK\3\4" + S(64'000'001, '\0') + z.set(12, 64'000'001, 4).set(16, 4, 4).bytes;
       },
       bad, "directory too large"},
      {"PT09Q", broken([](ZipImage& z) { z.bytes[z.end64] = 'X'; }, true), bad, "zip64 end record is not where"},
      {"PT09R", broken([](ZipImage& z) { z.set(z.end64 + 4, 45, 8); }, true), bad, "zip64 end record is not where"},
      {"PT09S", broken([](ZipImage& z) { z.set(z.end64 + 16, 1, 8); }, true), bad, "zip64 end record is not where"},
      {"PT09T", broken([](ZipImage& z) { z.set(z.end64 + 24, 1, 8); }, true), bad, "zip64 end record disagrees"},
      {"PT09U", broken([](ZipImage& z) { z.set(z.end + 8, 9, 2).set(z.end + 10, 9, 2); }, true), bad,
       "zip64 end record disagrees"},
      {"PT09V", broken([](ZipImage& z) { z.set(z.end + 12, 9, 4); }, true), bad, "zip64 end record disagrees"},
      {"PT09W", broken([](ZipImage& z) {
         uint64_t size = z.end - z.directory + 45;
         z.bytes.insert(z.end, "PK\1\2" + S(41, '\0'));
         z.set(z.end + 45 + 12, size, 4).set(z.end + 45 + 8, 0x40004, 4);
       }),
       bad, "broken directory entry"},
      {"PT09X", broken([](ZipImage& z) { z.set(z.central[1] + 34, 1, 2); }), bad, "on another disk"},
      {"PT09Y", broken([](ZipImage& z) {
         uint64_t size =
             z.local[2] - 10 - z.data[0];  // the first reaches to ten bytes before the third, where the second is said to be
         z.set(z.central[0] + 20, size, 4)
             .set(z.central[0] + 24, size, 4)
             .set(z.local[0] + 18, size, 4)
             .set(z.local[0] + 22, size, 4);
         z.set(z.central[1] + 42, z.local[2] - 10, 4);
       }),
       bad, "overlaps the next one"},
      {"PT09ag", broken([](ZipImage& z) {
         uint64_t size =
             z.directory + 1 - z.data[1];  // the second reaches into the directory, where the third is said to be
         z.set(z.central[1] + 20, size, 4)
             .set(z.central[1] + 24, size, 4)
             .set(z.local[1] + 18, size, 4)
             .set(z.local[1] + 22, size, 4);
         z.set(z.central[2] + 42, z.directory + 1, 4);
       }),
       bad, "overlaps the next one"},
      {"PT09aa", broken([](ZipImage& z) { z.set(z.local[1] + 26, 0xFFFF, 2); }), bad, "overlaps the next one"},
      {"PT09ab", broken([](ZipImage& z) { z.set(z.central[1] + 20, 100, 4).set(z.central[1] + 24, 100, 4); }), bad,
       "overlaps the next one"},
      {"PT09ac", broken([](ZipImage& z) { z.set(z.local[1] + 6, 0x800, 2); }), bad, "local header .* disagrees"},
      {"PT09ad", broken([](ZipImage& z) {
         uint64_t cut = z.central[1] - z.central[0];
         z.bytes.erase(z.directory, cut);
         z.set(z.end - cut + 8, 0x20002, 4).set(z.end - cut + 12, z.end - z.directory - cut, 4);
       }),
       bad, "before the first entry"},
      {"PT09ae", [] { return "PK\3\4" + zip({}).set(16, 4, 4).bytes; }, bad, "no entries but 4 bytes"},
      {"PT09k", broken([](ZipImage& z) { z.set(z.central[0] + 20, 1000, 4).set(z.central[0] + 24, 1000, 4); }), bad,
       "overlaps|outside"},
      {"PT09l",
       [] {
         return zip({{.name = "m/data.pkl", .data = "a"}, {.name = "m/data.pkl", .data = "b"}}).bytes;
       },
       bad, "duplicate entry name \"m/data.pkl\""},
      {"PT09m", broken([](ZipImage& z) { z.bytes[z.local[1] + 30] = 'X'; }), bad, "local header .* disagrees"},
      {"PT09n", broken([](ZipImage& z) { z.set(z.local[1] + 8, 8, 2); }), bad, "local header .* disagrees"},
      {"PT09o", broken([](ZipImage& z) { z.set(z.local[1] + 22, 7, 4); }), bad, "local header .* disagrees"},
      {"PT09p", broken([](ZipImage& z) { z.set(z.local[1] + 14, 7, 4); }), bad, "local header .* disagrees"},
      {"PT09q", broken([](ZipImage& z) { z.set(z.data[1] + 24 + 4, 7, 4); }, true), bad, "no valid data descriptor"},
      {"PT09r", broken([](ZipImage& z) { z.set(z.data[1] + 24 + 12, 7, 4); }, true), bad, "no valid data descriptor"},
      {"PT09s", broken([](ZipImage& z) { z.set(z.central[1] + 8, 1, 2); }), bad, "encrypted"},
      {"PT09t", broken([](ZipImage& z) { z.set(z.central[1] + 8, 1, 2).set(z.local[1] + 6, 1, 2); }), bad, "encrypted"},
      {"PT09u", broken([](ZipImage& z) { z.set(z.central[1] + 10, 12, 2); }), unsupported, "compressed by method 12"},
      {"PT09v", broken([](ZipImage& z) { z.set(z.end + 8, 9, 2).set(z.end + 10, 9, 2); }), bad, "got 3 entries, need 9"},
      {"PT09w", broken([](ZipImage& z) { z.set(z.end + 8, 2, 2).set(z.end + 10, 2, 2); }), bad, "more entries than"},
      {"PT09x", broken([](ZipImage& z) { z.set(z.end + 12, 0xFFFFFFF0, 4); }), bad, "does not end at the end record"},
      {"PT09y", broken([](ZipImage& z) { z.set(z.central[1] + 28, 0xFFFF, 2); }), bad, "longer than the directory"},
      {"PT09z", broken([](ZipImage& z) { z.set(z.central[1] + 24, 7, 4); }), bad, "two sizes"},
      {"PT09A", broken([](ZipImage& z) { z.bytes[z.central[1]] = 'X'; }), bad, "broken directory entry"},
      {"PT09B", broken([](ZipImage& z) { z.set(z.end + 4, 1, 2); }), bad, "several disks"},
      {"PT09C", broken([](ZipImage& z) { z.bytes[z.local[0]] = 'X'; }), bad, "not a weight file"},
      {"PT09D", broken([](ZipImage& z) { z.bytes[z.local[2]] = 'X'; }), bad, "no local header"},
      {"PT09E",
       [] {
         return zip({{.name = "a/data.pkl", .data = "a"}, {.name = "b/data.pkl", .data = "b"}}).bytes;
       },
       bad, "two data.pkl"},
      {"PT09F", extra(le(1, 2) + le(16, 2) + le(7, 8) + le(7, 8), false), bad, "wrong zip64 field"},
      {"PT09af", extra(le(1, 2) + le(16, 2) + le(24, 8) + le(24, 8) + le(1, 2) + le(16, 2) + le(24, 8) + le(24, 8), true),
       bad, "wrong zip64 field"},
      {"PT09G", extra(le(1, 2) + le(8, 2) + le(24, 8), true), bad, "wrong zip64 field"},
      {"PT09H", extra("FB" + le(99, 2), false), bad, "broken extra field"},
      {"PT09I", extra("FB" + le(0, 2), true), bad, "lacks its zip64 field"},
      {"PT09J", extra(le(1, 2) + le(16, 2) + le(uint64_t{1} << 60, 8) + le(uint64_t{1} << 60, 8), true), bad,
       "outside the file"},
      {"PT09K", [] { return torch_zip(S(64'000'001, 'N')).bytes; }, bad,
       "data.pkl is too large: got 64000001 bytes, need at most 64000000"},
      {"PT10a",
       [] {
         return zip({{.name = "m/data.pkl",
                      .data = state_dict({{.name = "w", .count = 4'000'000, .shape = {4'000'000}, .strides = {1}}})},
                     {.name = "m/data/0", .data = S(16'000'000, '\0'), .deflate = true}})
             .bytes;
       },
       resources, "unpacks to more than 200 times its size: 16000000 bytes"},
      {"PT10b", broken([](ZipImage& z) { z.set(z.central[1] + 10, 8, 2).set(z.central[1] + 24, 0xFFFFFFF0, 4); }), resources,
       "zip bomb"},
      {"PT10c", deflated_pickle(24, 100), bad, "m/data.pkl does not unpack"},
      {"PT10d", deflated_pickle(24, 100'000), bad, "m/data.pkl does not unpack"},
      {"PT10e", deflated_pickle(24, 64'000'001), resources, "zip bomb"},
      {"PT10f",
       [] {
         return zip({{.name = "m/data.pkl", .data = state_dict({{.name = "w"}})},
                     {.name = "m/data/0", .data = six_floats(), .deflate = true}})
             .bytes;
       },
       unsupported, "storage \"0\" is compressed"},
      {"PT11a", broken([](ZipImage& z) { z.bytes[z.data[1] + 5] ^= 1; }), bad, "tensor \"w\" is damaged \\(CRC-32\\)"},
      {"PT11b", broken([](ZipImage& z) { z.bytes[z.data[0] + 5] ^= 1; }), bad, "m/data.pkl is damaged \\(CRC-32\\)"},
      {"PT11c", deflated_pickle(16, 7), bad, "m/data.pkl is damaged"},
      {"PT12a", zipped_tensor({.name = "../../x\x1b[31m\n" + S(65536, 'n'), .offset = 9}), bad,
       "tensor \"../../x.x1b.*\\.\\.\\..* reaches past"},
  };
}

TEST(BadZip, Table) {
  for (const BadCase& c : zip_cases()) expect_refused(c);
}

// Any single wrong byte of an archive is found, or changes nothing that is read.
TEST(BadZip, EveryByteMatters) {
  ZipImage z = torch_zip(state_dict({{.name = "w"}}));
  std::vector<float> need{0, 1, 2, 3, 4, 5}, got(6);
  int loaded = 0;
  for (size_t i = 0; i < z.bytes.size(); i++) {
    S bytes = z.bytes;
    bytes[i] ^= 0x10;
    try {
      auto file = TensorFile::open(in_memory(bytes, "flip.pth"));
      file->read(*file->find("w"), got.data());
      EXPECT_EQ(got, need) << i;
      loaded++;
    } catch (const Error& e) {
      EXPECT_TRUE(e.code() == Code::bad_file || e.code() == Code::unsupported || e.code() == Code::resources)
          << i << ": " << e.what();
    }
  }
  EXPECT_LT(loaded, 150);  // dates, versions and attributes, which nothing reads
}

}  // namespace fovea::test
