// Folders, lists and binary files of labelled pictures: what they give when right, and say when wrong (cases DS*).
#include "data/dataset.h"
#include "base/checksum.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <numeric>

#include "base/error.h"
#include "data/folders.h"
#include "data/shared.h"
#include "io/gzip.h"

namespace fovea {
namespace {

using std::string;
using Strings = std::vector<string>;
using namespace std::string_literals;

string gzipped(const string& bytes) {
  string out(compressBound(bytes.size()) + 64, '\0');
  z_stream z{};
  deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data())), z.avail_in = static_cast<uInt>(bytes.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data()), z.avail_out = static_cast<uInt>(out.size());
  deflate(&z, Z_FINISH);
  out.resize(z.total_out);
  deflateEnd(&z);
  return out;
}

string big_endian(std::initializer_list<uint32_t> values) {
  string s;
  for (uint32_t v : values)
    s += {static_cast<char>(v >> 24), static_cast<char>(v >> 16), static_cast<char>(v >> 8), static_cast<char>(v)};
  return s;
}

string little_endian(uint32_t v, int n) {
  string s;
  for (int i = 0; i < n; i++) s += static_cast<char>(v >> 8 * i);
  return s;
}

// n records, the i-th with label i % 10 and the value i + plane in every pixel.
string cifar_records(int n, int first = 0) {
  string s;
  for (int i = first; i < first + n; i++) {
    s += static_cast<char>(i % 10);
    for (int c = 0; c < 3; c++) s += string(1024, static_cast<char>(i + c));
  }
  return s;
}

string open_error(const string& spec, const string& split = "train", const DataOptions& options = {}) {
  return error_of([&] { open_dataset(spec, split, options); });
}

TEST(Folder, SplitsAndClassesByName) {
  TempFolder dir("folder");
  for (string name : {"train/cat/2.png", "train/cat/1.PNG", "train/ant/deep/er/x.png", "val/ant/y.png", "val/cat/z.png"})
    dir.picture(name);
  Dataset train = open_dataset("folder:" + dir.path(), "train"), val = open_dataset("folder:" + dir.path(), "val");
  EXPECT_EQ(train.classes, (Strings{"ant", "cat"}));
  EXPECT_EQ(train.files, (Strings{"ant/deep/er/x.png", "cat/1.PNG", "cat/2.png"}));
  EXPECT_EQ(train.labels, (std::vector<int>{0, 1, 1}));
  EXPECT_EQ(val.size(), 2);
  EXPECT_TRUE(train.has_splits);
  EXPECT_TRUE(train.notes.empty());
  Image room;
  ImageView v = train.image(0, room);
  EXPECT_EQ(v.h, 8);
  EXPECT_EQ(v.row(0)[0], noise(8, 8, 3).pixels[0]);
  EXPECT_EQ(train.name(0), dir / "train/ant/deep/er/x.png");
  EXPECT_EQ(open_dataset("folder:" + dir.path(), "test").files, val.files);
}

TEST(Folder, FlatFolderHasNoSplits) {
  TempFolder dir("flat");
  for (int i = 0; i < 40; i++)
    dir.picture("train/" + std::to_string(i) + ".png"), dir.picture("zebra/" + std::to_string(i) + ".png");
  Dataset all = open_dataset("folder:" + dir.path(), "train");  // a class that is called "train"
  EXPECT_EQ(all.classes, (Strings{"train", "zebra"}));
  EXPECT_FALSE(all.has_splits);
  Dataset held = hold_out(all, 0.25, true), rest = hold_out(all, 0.25, false);
  EXPECT_EQ(held.size() + rest.size(), 80);
  EXPECT_GT(held.size(), 8);
  EXPECT_LT(held.size(), 34);
  dir.picture("zebra/new.png");
  Dataset later = hold_out(open_dataset("folder:" + dir.path(), "train"), 0.25, true);
  for (const string& f : held.files) EXPECT_TRUE(std::find(later.files.begin(), later.files.end(), f) != later.files.end());
}

TEST(Folder, EveryClassIsHeldOut) {
  TempFolder dir("small");
  for (int i = 0; i < 3; i++)
    for (string c : {"ant/", "bee/", "cow/", "dog/"}) dir.picture(c + std::to_string(i) + ".png");
  dir.picture("elk/only.png");
  Dataset all = open_dataset("folder:" + dir.path(), "train");
  Dataset held = hold_out(all, 0.001, true), rest = hold_out(all, 0.001, false);
  EXPECT_EQ(held.labels, (std::vector<int>{0, 1, 2, 3}));
  EXPECT_EQ(rest.labels, (std::vector<int>{0, 0, 1, 1, 2, 2, 3, 3, 4}));
}

TEST(Folder, LitterIsIgnoredAndTold) {  // DS01
  TempFolder dir("litter");
  dir.picture("cat/1.png");
  for (string name : {"cat/.DS_Store", "cat/Thumbs.db", "cat/notes.txt", "README.md", "cat/.hidden.png",
                      "__MACOSX/cat/1.png", ".ipynb_checkpoints/x.png"})
    dir.write(name, "x");
  Dataset data = open_dataset("folder:" + dir.path(), "val");
  EXPECT_EQ(data.files, Strings{"cat/1.png"});
  ASSERT_EQ(data.notes.size(), 1u);
  EXPECT_NE(data.notes[0].find("(7 in all)"), string::npos) << data.notes[0];
}

TEST(Folder, Bad) {  // DS01, DS02
  TempFolder dir("bad");
  std::filesystem::create_directories(dir / "empty_root");
  dir.picture("one/a/1.png"), dir.write("one/b/.hidden", "");
  dir.picture("differ/train/a/1.png"), dir.picture("differ/train/b/1.png"), dir.picture("differ/val/a/1.png"),
      dir.picture("differ/val/c/1.png");
  dir.picture("noval/train/a/1.png");
  expect_error(open_error("folder:" + dir / "missing"), Code::bad_file, {"is not a folder"});
  expect_error(open_error("folder:" + dir / "empty_root"), Code::bad_file, {"no folders"});
  expect_error(open_error("folder:" + dir / "one"), Code::bad_file, {"no pictures in \"b\"", "--allow-empty"});
  EXPECT_EQ(open_dataset("folder:" + dir / "one", "train", {.allow_empty = true}).classes.size(), 2u);
  expect_error(open_error("folder:" + dir / "differ"), Code::bad_file, {"not known are \"c\"", "missing are \"b\""});
  expect_error(open_error("folder:" + dir / "noval", "val"), Code::bad_file, {"has no val/ beside train/"});
  EXPECT_EQ(open_error("folder:" + dir / "noval", "train"), "ok");
}

TEST(Folder, ClassesOfTheModelGiveTheOrder) {
  TempFolder dir("order");
  dir.picture("a/1.png"), dir.picture("b/1.png");
  Dataset data = open_dataset("folder:" + dir.path(), "val", {.classes = {"b", "a"}});
  EXPECT_EQ(data.labels, (std::vector<int>{1, 0}));
  expect_error(open_error("folder:" + dir.path(), "val", {.classes = {"a", "x"}}), Code::bad_file,
               {"not known are \"b\"", "missing are \"x\""});
  const Strings more = {"c", "b", "x", "a"};
  expect_error(open_error("folder:" + dir.path(), "val", {.classes = more}), Code::bad_file, {"missing are \"c\""});
  data = open_dataset("folder:" + dir.path(), "val", {.allow_empty = true, .classes = more});  // to judge by some of them
  EXPECT_EQ(data.classes, more);
  EXPECT_EQ(data.labels, (std::vector<int>{3, 1}));
}

TEST(Csv, NamesIndicesQuotesAndLineEnds) {
  TempFolder dir("csv");
  dir.picture("x/1.png"), dir.picture("a,b.png");
  dir.write(
      "names.csv",
      "\xEF\xBB\xBFid,file,label,extra\r\n7,x/1.png,zebra,\"multi\nline\"\r\n\r\n8,\"a,b.png\",\"the \"\"ant\"\"\",\r\n");
  Dataset data = open_dataset("csv:" + dir / "names.csv", "val");
  EXPECT_EQ(data.classes, (Strings{"the \"ant\"", "zebra"}));
  EXPECT_EQ(data.labels, (std::vector<int>{1, 0}));
  EXPECT_EQ(data.files, (Strings{"x/1.png", "a,b.png"}));
  Image room;
  EXPECT_EQ(data.image(1, room).w, 8);

  dir.write("index.csv", "file,class,name\nx/1.png,3,tench\na.png,0,\n");
  data = open_dataset("csv:" + dir / "index.csv", "val");
  EXPECT_EQ(data.classes, (Strings{"0", "1", "2", "tench"}));
  EXPECT_EQ(data.labels, (std::vector<int>{3, 0}));

  dir.write("split.csv", "file,class,split\na.png,x,train\nb.png,y,val\nc.png,x,train");
  EXPECT_EQ(open_dataset("csv:" + dir / "split.csv", "train").files, (Strings{"a.png", "c.png"}));
  EXPECT_EQ(open_dataset("csv:" + dir / "split.csv", "val", {.classes = {"x", "y"}}).labels, std::vector<int>{1});
  EXPECT_EQ(open_dataset("csv:" + dir / "split.csv", "test").files, Strings{"b.png"});
}

TEST(Csv, Bad) {  // DS04
  TempFolder dir("badcsv");
  auto error = [&](const string& text, const DataOptions& options = {}) {
    dir.write("list.csv", text);
    return open_error("csv:" + dir / "list.csv", "val", options);
  };
  expect_error(error(""), Code::bad_file, {"is empty"});
  expect_error(error("file,class\n"), Code::bad_file, {"lists no pictures"});
  expect_error(error("path,kind\na,b\n"), Code::bad_file, {"list.csv:1:", "\"path\", \"kind\"", "need file and class"});
  expect_error(error("file,class\na.png\n"), Code::bad_file, {"list.csv:2:1:", "got 1 fields, need 2"});
  expect_error(error("file,class\na.png,x,y\n"), Code::bad_file, {":2:1:", "got 3 fields"});
  expect_error(error("file,class\na.png,x\n\n\"b.png\n,x"), Code::bad_file, {":4:1:", "no end"});
  expect_error(error("file,class\n\"a\"b,x\n"), Code::bad_file, {":2:1:", "need a comma"});
  expect_error(error("class,file\nx," + string(1000000, 'a') + "\n"), Code::bad_file, {":2:3:", "1000000 bytes"});
  expect_error(error("class,file\nx,\"" + string(1000000, 'a') + "\"\n"), Code::bad_file, {":2:3:", "65536"});
  expect_error(error("class,file\nx,../../etc/passwd\n"), Code::bad_file, {":2:3:", "outside the folder"});
  expect_error(error("class,file\nx,a/../b.png\n"), Code::bad_file, {":2:3:", "outside the folder"});
  expect_error(error("class,file\nx,/etc/passwd\n"), Code::bad_file, {":2:3:", "outside the folder"});
  expect_error(error("class,file\nx,a\0b\n"s), Code::bad_file, {":2:3:", "NUL"});
  expect_error(error("class,file\nx,\n"), Code::bad_file, {":2:3:", "file name is empty"});
  expect_error(error("file,class\na.png,\n"), Code::bad_file, {":2:7:", "class is empty"});
  expect_error(error("file,class\na.png,dag\n", {.classes = {"cat", "dog"}}), Code::bad_file, {":2:7:", "\"dag\"", "dog"});
  expect_error(error("file,class\na.png,2\n", {.classes = {"cat", "dog"}}), Code::bad_file, {":2:7:", "one of the 2"});
  expect_error(error("file,class,name\na,1,x\nb,1,y\n"), Code::bad_file, {":3:3:", "called \"y\" here and \"x\" before"});
  expect_error(error("file,class,class\na,x,y\n"), Code::bad_file, {":1:12:", "second column"});
  expect_error(error("file;class\na;x\n"), Code::bad_file, {":1:", "separated by semicolons, need commas"});
  expect_error(error("file\tclass\na\tx\n"), Code::bad_file, {":1:", "separated by tabs, need commas"});
  for (const char* mark : {"\xFF\xFE", "\xFE\xFF", ""})
    expect_error(error(mark + string("f\0i\0l\0e\0", 8)), Code::bad_file, {"is UTF-16, need UTF-8"});
  expect_error(error("file,class,split\na,x,val\nb,y,banana\n"), Code::bad_file,
               {":3:5:", "\"banana\"", "train, val or test"});
  expect_error(error("file,label\na,1\nb,-1\n"), Code::bad_file, {":3:3:", "got the class -1"});
  expect_error(error("file,label\na,1\nb,1000000000000\n"), Code::bad_file, {":3:3:", "need 0 to 999999"});
  expect_error(open_error("csv:" + dir / "missing.csv"), Code::bad_file, {"missing.csv"});
}

TEST(Cifar, PlainAndGzippedBatches) {
  TempFolder dir("cifar");
  dir.write("data_batch_1.bin", cifar_records(12));
  dir.write("data_batch_2.bin.gz", gzipped(cifar_records(3, 12)));
  dir.write("test_batch.bin.gz", gzipped(cifar_records(5)));
  Dataset train = open_dataset("cifar10:" + dir.path(), "train"), val = open_dataset("cifar10:" + dir.path(), "val");
  EXPECT_EQ(train.size(), 15);
  EXPECT_EQ(val.size(), 5);
  EXPECT_EQ(train.labels[14], 4);
  EXPECT_EQ(train.classes[9], "truck");
  Image room;
  ImageView v = train.image(13, room);
  EXPECT_EQ(std::tuple(v.h, v.w, v.c, int{v.row(31)[31 * 3]}, int{v.row(31)[31 * 3 + 2]}), std::tuple(32, 32, 3, 13, 15));
  ASSERT_EQ(train.notes.size(), 1u);
  EXPECT_NE(train.notes[0].find("2 of the 5"), string::npos);
}

string pack(const Strings& jpegs, const string& header, int label = 3) {
  string s = "JPGPACK1" + little_endian(static_cast<uint32_t>(jpegs.size()), 4) +
             little_endian(static_cast<uint32_t>(header.size()), 4) + header;
  for (const string& j : jpegs) s += static_cast<char>(label) + little_endian(static_cast<uint32_t>(j.size()), 2) + j;
  return s;
}

TEST(Cifar, JpegPack) {
  TempFolder dir("pack");
  string jpeg = encode_jpeg(view(waves(32, 32)), 90), head = jpeg.substr(0, 600), body = jpeg.substr(600);
  dir.write("train.jpgpack", pack({body, body}, head));
  Dataset data = open_dataset("cifar10:" + dir.path(), "train");
  EXPECT_EQ(data.labels, (std::vector<int>{3, 3}));
  EXPECT_EQ(std::vector<uint8_t>(data.pixels.begin() + 3072, data.pixels.end()), decode_image(as_bytes(jpeg), "x").pixels);

  auto error = [&](const string& bytes) {
    dir.write("train.jpgpack", bytes);
    return open_error("cifar10:" + dir.path());
  };
  string good = pack({body, body}, head);
  for (size_t cut : {size_t{4}, size_t{15}, size_t{300}, good.size() - body.size() - 1, good.size() - 1})
    expect_error(error(good.substr(0, cut)), Code::bad_file, {"train.jpgpack"});
  expect_error(error(good + "x"), Code::bad_file, {"train.jpgpack"});
  expect_error(error(pack({body, body.substr(0, body.size() / 2)}, head)), Code::bad_file, {"train.jpgpack#1", "truncated"});
  expect_error(error(pack({body}, head, 10)), Code::bad_file, {"record 0 has the label 10"});
  string small = encode_jpeg(view(waves(16, 32)), 90);
  expect_error(error(pack({small}, "")), Code::bad_file, {"got 32x16 pixels, need 32x32"});
}

TEST(Cifar, Bad) {  // DS08
  TempFolder dir("badcifar");
  auto error = [&](const string& bytes) {
    dir.write("test_batch.bin", bytes);
    return open_error("cifar10:" + dir.path(), "val");
  };
  expect_error(open_error("cifar10:" + dir.path()), Code::bad_file, {"data_batch_1.bin", "train.jpgpack"});
  expect_error(error(""), Code::bad_file, {"got 0 bytes, need a multiple of 3073"});
  expect_error(error(cifar_records(3).substr(1)), Code::bad_file, {"multiple of 3073"});
  expect_error(error(cifar_records(2) + "\x0A" + string(3072, 'x')), Code::bad_file,
               {"record 2 has the label 10, need 0 to 9"});
  dir.write("batches.meta.txt", "mine\nyours\n\n");  // ten other classes are welcome, two are not
  expect_error(error(cifar_records(3)), Code::bad_file, {"batches.meta.txt", "\"mine\", \"yours\"", "need 10"});
  dir.write("batches.meta.txt", "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n\n");
  EXPECT_EQ(error(cifar_records(3)), "ok");
  EXPECT_EQ(open_dataset("cifar10:" + dir.path(), "val").classes[9], "j");
  string z = gzipped(cifar_records(4));
  expect_error(error(z.substr(0, z.size() / 2)), Code::bad_file, {"truncated"});
  expect_error(error(z.substr(0, z.size() - 4)), Code::bad_file, {"truncated"});
  expect_error(error(z + "tail"), Code::bad_file, {"4 bytes follow"});
  z[z.size() / 2] = static_cast<char>(z[z.size() / 2] ^ 1);
  expect_error(error(z), Code::bad_file, {"gzip"});
  dir.write("zeros.gz", gzipped(string(1 << 20, '\0')));
  expect_error(error_of([&] { read_maybe_gzip(dir / "zeros.gz", 100000); }), Code::resources, {"more than 100000 bytes"});
  EXPECT_EQ(read_maybe_gzip(dir / "zeros.gz", 1 << 20), string(1 << 20, '\0'));
}

struct IdxFolder : TempFolder {
  using TempFolder::TempFolder;
  string images = big_endian({0x803, 3, 4, 2}) + "abcdefgh" + "ABCDEFGH" + string(8, '\xFF'),
         labels = big_endian({0x801, 3}) + "\0\1\x09"s;
  string error(const string& i, const string& l) const {
    write("t10k-images-idx3-ubyte", i), write("t10k-labels-idx1-ubyte", l);
    return open_error("mnist:" + path(), "val");
  }
};

TEST(Mnist, PlainGzippedAndBothSpellings) {
  IdxFolder dir("mnist");
  ASSERT_EQ(dir.error(dir.images, dir.labels), "ok");
  dir.write("train-images.idx3-ubyte.gz", gzipped(dir.images)), dir.write("train-labels.idx1-ubyte", dir.labels);
  for (const char* split : {"train", "val", "test"}) {
    Dataset data = open_dataset("mnist:" + dir.path(), split);
    EXPECT_EQ(std::tuple(data.size(), data.h, data.w, data.channels), std::tuple(3, 4, 2, 1));
    EXPECT_EQ(data.labels, (std::vector<int>{0, 1, 9}));
    Image room;
    EXPECT_EQ(data.image(1, room).row(3)[1], 'H');
  }
  EXPECT_EQ(open_dataset("fashion-mnist:" + dir.path(), "train").classes[9], "Ankle boot");
}

TEST(Mnist, Bad) {  // DS08
  IdxFolder dir("badmnist");
  string images = dir.images, labels = dir.labels;
  expect_error(open_error("mnist:" + dir.path()), Code::bad_file, {"train-images-idx3-ubyte"});
  expect_error(dir.error("", labels), Code::bad_file, {"too few for an idx header"});
  expect_error(dir.error("\3\x08\0\0"s + images.substr(4), labels), Code::bad_file, {"03080000", "00000803"});
  expect_error(dir.error(big_endian({0x801, 24}) + images.substr(8), labels), Code::bad_file, {"00000801", "00000803"});
  expect_error(dir.error(images.substr(0, images.size() - 1), labels), Code::bad_file, {"got 23 bytes of values, need 24"});
  expect_error(dir.error(images + "x", labels), Code::bad_file, {"got 25 bytes"});
  expect_error(dir.error(big_endian({0x803, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF}) + "x", labels), Code::bad_file,
               {"overflow"});
  expect_error(dir.error(big_endian({0x803, 0, 4, 2}), labels), Code::bad_file, {"t10k-images"});
  expect_error(dir.error(images, big_endian({0x801, 2}) + "\0\1"s), Code::bad_file, {"2 labels, need 3"});
  expect_error(dir.error(images, big_endian({0x801, 3}) + "\0\1\x0A"s), Code::bad_file, {"entry 2 is 10, need 0 to 9"});
  string z = gzipped(images);
  expect_error(dir.error(z.substr(0, z.size() - 9), labels), Code::bad_file, {"truncated"});
}

TEST(Dataset, WrongSpecs) {
  expect_error(open_error("cifar:x"), Code::usage, {"cifar10"});
  expect_error(open_error("folder:"), Code::usage, {"the path is missing"});
  expect_error(open_error("/nowhere"), Code::usage, {"folder:"});
  expect_error(open_error("src"), Code::usage, {"Try folder:src"});
  expect_error(open_error("README.txt"), Code::usage, {"need folder:"});
  expect_error(open_error("folder:src", "valid"), Code::usage, {"need train, val or test"});
}

TEST(Dataset, TakeKeepsPixelsWithTheirLabels) {
  TempFolder dir("take");
  dir.write("test_batch.bin", cifar_records(7));
  Dataset all = open_dataset("cifar10:" + dir.path(), "val"), some = take(all, {5, 2});
  EXPECT_EQ(some.labels, (std::vector<int>{5, 2}));
  Image room;
  EXPECT_EQ(some.image(0, room).row(0)[0], 5);
  EXPECT_EQ(some.image(1, room).row(0)[0], 2);
}

TEST(SharedData, Cifar10) {
  FOVEA_NEED_SHARED(dir, "cifar10");
  Dataset val = open_dataset("cifar10:" + dir, "val"), train = open_dataset("cifar10:" + dir, "train");
  EXPECT_EQ(val.size(), 10000);
  ASSERT_EQ(train.size(), 50000);
  for (int k = 0; k < 10; k++) EXPECT_EQ(std::count(train.labels.begin(), train.labels.end(), k), 5000);
  // data_batch_1.bin as the README of the data says it must come out of the pack.
  string records;
  for (int i = 0; i < 10000; i++) {
    records += static_cast<char>(train.labels[i]);
    for (int c = 0; c < 3; c++) {
      for (int p = 0; p < 1024; p++) records += static_cast<char>(train.pixels[i * 3072 + p * 3 + c]);
    }
  }
  EXPECT_EQ(sha256_hex(records), "60b53ff108bc35f313497d100c50260bf09b645c605a903c6d308b7aba12cad5");
}

TEST(SharedData, CifarPackAndBatchesAgree) {
  FOVEA_NEED_SHARED(dir, "cifar10");
  TempFolder pack_only("pack_only");
  std::filesystem::copy(dir + "/test.jpgpack", pack_only / "test.jpgpack");
  Dataset packed = open_dataset("cifar10:" + pack_only.path(), "val"), plain = open_dataset("cifar10:" + dir, "val");
  EXPECT_EQ(packed.labels, plain.labels);
  EXPECT_EQ(packed.pixels, plain.pixels);
}

TEST(SharedData, TheOthers) {
  FOVEA_NEED_SHARED(root, "");
  EXPECT_EQ(open_dataset("cifar10:" + root + "cifar10-raw", "val").size(), 1017);
  EXPECT_EQ(open_dataset("cifar10:" + root + "cifar10-raw", "train").size(), 5085);
  EXPECT_EQ(open_dataset("mnist:" + root + "mnist", "train").size(), 60000);
  Dataset fashion = open_dataset("fashion-mnist:" + root + "fashion-mnist", "val");
  EXPECT_EQ(fashion.size(), 10000);
  for (int k = 0; k < 10; k++) EXPECT_EQ(std::count(fashion.labels.begin(), fashion.labels.end(), k), 1000);
  Dataset photos = open_dataset("csv:" + root + "imagenet-samples/labels.csv", "val");
  EXPECT_EQ(photos.size(), 200);
  EXPECT_EQ(photos.classes[photos.labels[0]], "tench");
  Image room;
  EXPECT_EQ(std::min(photos.image(7, room).h, photos.image(7, room).w), 288);
}

}  // namespace
}  // namespace fovea
