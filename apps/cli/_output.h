// What commands print. Data go to standard output: records as a table for people, or as JSON, JSON lines or CSV for
// programs. Notes and errors go to standard error, one line each.
#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fovea::cli {

enum class Format { table, json, jsonl, csv };

struct Value;
struct Rows;
using Record = std::vector<std::pair<std::string, Value>>;

// One value in its three spellings. Numbers are aligned to the right in tables.
struct Value {
  std::string table, json, csv;
  bool number = false, nested = false;

  Value(std::string_view text);
  Value(const char* text) : Value(std::string_view(text)) {}
  Value(const std::string& text) : Value(std::string_view(text)) {}
  Value(int64_t v);
  Value(int v) : Value(int64_t{v}) {}
  Value(bool v);
  Value(double v, int digits);      // digits after the point
  static Value exponent(double v);  // 1.2e-05
  static Value list(std::span<const int> v);
  Value(const Record& r);  // nested values are left out of tables and CSV
  Value(const Rows& r);
  Value(const std::vector<Record>& r);
};

// Records of the same kind. There may be a million, so they need not all be there at once.
struct Rows {
  size_t size;
  std::function<Record(size_t)> row;

  Rows(size_t n, std::function<Record(size_t)> make) : size(n), row(std::move(make)) {}
  Rows(const std::vector<Record>& all) : Rows(all.size(), [&all](size_t i) { return all[i]; }) {}
};

std::string to_json(const Record& r);
std::string to_table(const Rows& rows);  // the columns are the first row's
std::string to_csv(const Rows& rows);

void print(const Rows& rows, Format format);
// A single one: "name  value" lines as a table.
void print(const Record& record, Format format);
// All of it. Throws resources errors; ends the process quietly where nobody reads it any more.
void print(std::string_view text);

void note(std::string_view text);                      // "fovea: TEXT" on standard error, made safe to print
int terminal_width();                                  // of standard error; 0 if it is none
std::string cut(std::string_view text, size_t width);  // at most so many characters, "..." at its end if cut

}  // namespace fovea::cli
