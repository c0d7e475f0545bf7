// Parity fixtures: what a reference implementation computes once its parameters and its input are filled by "hashfill",
// a rule over names. Two kinds of files, .json or .json.gz: of a model zoo and of papers' own code.
#pragma once
#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/settings.h"

namespace fovea {

struct FixtureTensor {
  std::string name;
  std::vector<int64_t> shape;  // as in weight files
};

// An input beside the first: numbers, or a sum such as "0.5*hashfill 'input2' + 0.5*in0" over the names of inputs.
struct FixtureInput {
  std::string name, formula;
  std::vector<double> values;
};

// Of a large output every stride-th number, counted over all rows.
struct FixtureSamples {
  std::vector<int64_t> shape;
  double mean = 0, std = 0, scale = 0;
  int64_t stride = 1;
  std::vector<double> values;
};

// One run of the reference: results, and how near ours must come.
struct FixtureRun {
  double gain = 1;                          // factor of every filled weight of two or more dimensions
  std::vector<std::vector<double>> logits;  // the first ones of every row
  std::vector<double> mean, std;            // of every row's outputs, or one of all outputs
  std::vector<int64_t> argmax;              // of every row
  std::vector<double> margin;               // what argmax leads by, relative to `scale`; empty: unknown
  std::vector<FixtureSamples> outputs;      // of the first one again, then of the others
  double scale = 0;                         // tolerances are relative to it
  double tolerance = 0;                     // below zero: the reference itself is too uncertain to compare
};

struct Fixture {
  std::string path, model;
  std::vector<int64_t> input;  // shape of the first one; maps are [n,c,h,w]
  std::string input_name;      // the reference's
  std::vector<FixtureInput> more_inputs;
  Settings settings;   // what the reference was constructed with
  int64_t params = 0;  // trainable numbers
  std::vector<FixtureTensor> state;
  std::set<std::string> structural;                             // of state: not filled
  std::vector<std::vector<std::string>> shared;                 // names of one and the same tensor
  std::vector<std::pair<std::string, std::string>> exceptions;  // name suffix -> formula of u
  std::vector<FixtureRun> runs;
  // Further numbers by name; "grad_weight" is the gradient of sum(output * hashfill of "grad") to the parameter weight.
  std::map<std::string, std::vector<double>> extra;
};

// bad_file if it is not a fixture.
Fixture read_fixture(const std::string& path);

// u of element `index` of the tensor of that name, in [-1, 1).
double hash_unit(std::string_view name, uint64_t index);
// The tensor's values in file order.
std::vector<float> hashfill(const std::string& name, std::span<const int64_t> shape, double gain = 1,
                            std::span<const std::pair<std::string, std::string>> exceptions = {});
// Numbers, u, + - * / ( ) log abs: the formulas of `exceptions`. bad_file if it is something else.
double evaluate_formula(std::string_view formula, double u);

}  // namespace fovea
