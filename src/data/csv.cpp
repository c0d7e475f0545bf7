// A list of pictures with their classes. The files must be below the folder of the list.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <string_view>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/text.h"
#include "data/readers.h"

namespace fovea {
namespace {

constexpr size_t kMostField = 65536;   // bytes: far above any path or class name
constexpr int kMostClasses = 1000000;  // an index above is a mistake, not a class

struct Field {
  std::string text;
  int line = 0, column = 0;  // where it begins, from 1
};

// RFC 4180, with LF or CRLF, and a byte order mark skipped.
class CsvReader {
 public:
  CsvReader(const std::string& path, std::string_view text) : path_(path), text_(text) {
    if (text_.starts_with("\xEF\xBB\xBF")) at_ = 3;
    begin_ = at_;
  }

  // False at the end. Blank lines are skipped.
  bool next(std::vector<Field>& row) {
    row.clear();
    while (at_ < text_.size() && (text_[at_] == '\n' || text_.substr(at_, 2) == "\r\n")) end_line();
    if (at_ >= text_.size()) return false;
    for (;;) {
      row.push_back(text_.substr(at_, 1) == "\"" ? quoted() : plain());
      if (at_ >= text_.size()) return true;
      if (text_[at_] != ',') return end_line(), true;
      at_++;
    }
  }

  [[noreturn]] void fail_at(const Field& f, const std::string& what) const {
    fail(Code::bad_file, "{}:{}:{}: {}", path_, f.line, f.column, what);
  }

 private:
  Field start() const { return {"", line_, static_cast<int>(at_ - begin_) + 1}; }

  void end_line() {
    if (text_[at_] == '\r') at_++;
    if (at_ < text_.size() && text_[at_] == '\n') at_++;
    line_++, begin_ = at_;
  }

  Field plain() {
    Field f = start();
    size_t end = std::min(text_.find_first_of(",\r\n", at_), text_.size());
    if (end - at_ > kMostField) fail_at(f, fmt::format("a field of {} bytes, need at most {}", end - at_, kMostField));
    f.text = trim(text_.substr(at_, end - at_));
    at_ = end;
    return f;
  }

  Field quoted() {
    Field f = start();
    for (at_++;; at_++) {
      if (at_ >= text_.size()) fail_at(f, "the quote that begins here has no end");
      if (f.text.size() > kMostField) fail_at(f, fmt::format("a field of more than {} bytes", kMostField));
      if (text_[at_] == '"' && text_.substr(at_ + 1, 1) != "\"") break;
      if (text_[at_] == '"') at_++;
      if (text_[at_] == '\n') line_++, begin_ = at_ + 1;
      f.text += text_[at_];
    }
    at_++;
    if (at_ < text_.size() && text_[at_] != ',' && text_[at_] != '\n' && text_[at_] != '\r')
      fail_at(f, "text follows the closing quote, need a comma");
    return f;
  }

  const std::string& path_;
  std::string_view text_;
  size_t at_ = 0, begin_ = 0;  // begin_: of the line
  int line_ = 1;
};

// Of two columns with one name nobody knows which is meant.
int find_column(const CsvReader& csv, const std::vector<Field>& header, std::initializer_list<std::string_view> names) {
  for (std::string_view name : names) {
    int found = -1;
    for (size_t i = 0; i < header.size(); i++) {
      if (header[i].text != name) continue;
      if (found >= 0) csv.fail_at(header[i], fmt::format("a second column \"{}\"", name));
      found = static_cast<int>(i);
    }
    if (found >= 0) return found;
  }
  return -1;
}

std::optional<int> as_index(const std::string& text) {
  int value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  bool all = error == std::errc() && end == text.data() + text.size() && !text.empty();
  return all && value >= 0 && value < kMostClasses ? std::optional(value) : std::nullopt;
}

// A list must not reach outside its folder, whoever wrote it.
void check_path(const CsvReader& csv, const Field& f) {
  if (f.text.empty()) csv.fail_at(f, "the file name is empty");
  if (f.text.find('\0') != f.text.npos) csv.fail_at(f, "the file name has a NUL byte");
  bool up = false;
  for (const std::string& part : split(f.text, '/')) up |= part == "..";
  if (f.text[0] == '/' || up)
    csv.fail_at(f, fmt::format("{} is outside the folder of the list. Move the list or the files", clip(f.text, 80)));
}

// A row of a part that does not exist would never be seen, and nobody would notice.
std::string split_of(const CsvReader& csv, const Field& f) {
  if (f.text != "train" && f.text != "val" && f.text != "test")
    csv.fail_at(f, fmt::format("got the split \"{}\", need train, val or test", f.text.substr(0, 40)));
  return f.text;
}

struct Row {
  Field file, label;
  std::string name, split;
};

// Whole numbers that are no indices, as -1 for "unknown", must not turn all the others into names in the order of text.
void check_not_indices(const CsvReader& csv, const std::vector<Row>& rows) {
  auto whole = [](const Row& r) {
    return r.label.text.find_first_not_of("0123456789", r.label.text[0] == '-') == std::string::npos;
  };
  if (!std::all_of(rows.begin(), rows.end(), whole)) return;
  for (const Row& r : rows)
    if (!as_index(r.label.text))
      csv.fail_at(r.label, fmt::format("got the class {}, need 0 to {}", r.label.text.substr(0, 40), kMostClasses - 1));
}

// The rows of a split; of val and test one stands for the other where it is not there.
std::vector<Row> rows_of(const std::vector<Row>& all, const std::string& split) {
  std::string other = split == "test" ? "val" : split == "val" ? "test" : split;
  std::vector<Row> r;
  for (const std::string& wanted : {split, other})
    if (r.empty())
      std::copy_if(all.begin(), all.end(), std::back_inserter(r), [&](const Row& row) { return row.split == wanted; });
  return r;
}

// Indices if every label is one, names otherwise.
void label_rows(Dataset& data, const std::vector<Row>& rows, const CsvReader& csv) {
  bool indices = std::all_of(rows.begin(), rows.end(), [](const Row& r) { return as_index(r.label.text).has_value(); });
  if (!indices) {
    check_not_indices(csv, rows);
    for (const Row& r : rows) data.classes.push_back(r.label.text);
    std::sort(data.classes.begin(), data.classes.end());
    data.classes.erase(std::unique(data.classes.begin(), data.classes.end()), data.classes.end());
    for (const Row& r : rows) {
      auto place = std::lower_bound(data.classes.begin(), data.classes.end(), r.label.text);
      data.labels.push_back(static_cast<int>(place - data.classes.begin()));
    }
    return;
  }
  for (const Row& r : rows) {
    size_t label = static_cast<size_t>(*as_index(r.label.text));
    data.labels.push_back(static_cast<int>(label));
    if (data.classes.size() <= label) data.classes.resize(label + 1);
    std::string& name = data.classes[label];
    if (!r.name.empty() && !name.empty() && name != r.name)
      csv.fail_at(r.label,
                  fmt::format("class {} is called \"{}\" here and \"{}\" before", label, clip(r.name, 40), clip(name, 40)));
    if (!r.name.empty()) name = r.name;
  }
  for (size_t k = 0; k < data.classes.size(); k++) {
    if (data.classes[k].empty()) data.classes[k] = fmt::format("{}", k);
  }
}

// The model's classes are given: a label is one of their names, or an index below their number.
void label_rows_as(Dataset& data, const std::vector<Row>& rows, const CsvReader& csv,
                   const std::vector<std::string>& classes) {
  std::map<std::string_view, int> place;
  for (size_t k = 0; k < classes.size(); k++) place.emplace(classes[k], static_cast<int>(k));
  for (const Row& r : rows) {
    auto named = place.find(r.label.text);
    auto index = as_index(r.label.text);
    if (named != place.end()) {
      data.labels.push_back(named->second);
    } else if (index && *index < static_cast<int>(classes.size())) {
      data.labels.push_back(*index);
    } else {
      csv.fail_at(r.label, fmt::format("got the class \"{}\", need one of the {} known ones{}", clip(r.label.text, 80),
                                       classes.size(), suggestion(clip(r.label.text, 80), classes)));
    }
  }
  data.classes = classes;
}

}  // namespace

Dataset open_csv(const std::string& file, const std::string& split, const DataOptions& options) {
  std::string text = read_file(file, uint64_t{256} << 20);
  if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF") || text.substr(0, 2).find('\0') != text.npos)
    fail(Code::bad_file, "{}: is UTF-16, need UTF-8. Save it as UTF-8", file);
  CsvReader csv(file, text);
  std::vector<Field> header, row;
  if (!csv.next(header)) fail(Code::bad_file, "{}: is empty, need a line with the columns file and class", file);
  int file_at = find_column(csv, header, {"file"}), class_at = find_column(csv, header, {"class", "label"});
  int name_at = find_column(csv, header, {"name"}), split_at = find_column(csv, header, {"split"});
  if (file_at < 0 || class_at < 0) {
    std::vector<std::string> names;
    names.reserve(header.size());
    for (const Field& f : header) names.push_back(f.text);
    size_t other = names.size() == 1 ? names[0].find_first_of(";\t") : std::string::npos;
    if (other != std::string::npos)
      fail(Code::bad_file, "{}:1: its columns are separated by {}, need commas", file,
           names[0][other] == ';' ? "semicolons" : "tabs");
    fail(Code::bad_file, "{}:1: got the columns {}, need file and class (or label)", file, list_names(names, 6));
  }

  Dataset data;
  data.has_splits = split_at >= 0;
  size_t slash = file.rfind('/');
  data.root = slash == file.npos ? "." : file.substr(0, std::max<size_t>(slash, 1));
  std::vector<Row> rows;
  while (csv.next(row)) {
    if (row.size() != header.size())
      csv.fail_at(row[0], fmt::format("got {} fields, need {} as in line 1", row.size(), header.size()));
    rows.push_back({row[file_at], row[class_at], name_at >= 0 ? row[name_at].text : "",
                    split_at >= 0 ? split_of(csv, row[split_at]) : ""});
  }
  if (split_at >= 0) rows = rows_of(rows, split);
  if (rows.empty())
    fail(Code::bad_file, "{}: lists no pictures{}", file, split_at >= 0 ? " with the split \"" + split + "\"" : "");
  for (const Row& r : rows) {
    check_path(csv, r.file);
    if (r.label.text.empty()) csv.fail_at(r.label, "the class is empty");
    data.files.push_back(r.file.text);
  }
  if (options.classes.empty()) {
    label_rows(data, rows, csv);
  } else {
    label_rows_as(data, rows, csv, options.classes);
  }
  return data;
}

}  // namespace fovea
