// The two ends of a fixture's run: its inputs, made by its rules, and its outputs, compared with ours. Maps, which the
// reference keeps as [n,c,h,w], are ours as [n,h,w,c].
#pragma once
#include <span>
#include <string>
#include <vector>

#include "io/fixture.h"
#include "ir/shape.h"

namespace fovea {

// The values of the first input, of our order.
std::vector<float> fixture_input(const Fixture& f);
// Of another one; mismatch if the fixture has none of that name or it does not fit.
std::vector<float> fixture_input(const Fixture& f, const std::string& name, const Shape& shape);

// The values of hashfill of a name for an output of that shape, of our order.
std::vector<float> fixture_units(const std::string& name, const Shape& shape);

struct FixtureOutput {
  std::span<const float> values;
  Shape shape;
};
struct FixtureError {
  double error = 0;      // relative to the largest output, of the number that came nearest to its tolerance
  double tolerance = 0;  // of that number; 0: none was compared
};
// Mismatch errors, and the largest error in `worst`.
// Against all of the numbers, relative to their largest.
void compare_numbers(const std::string& name, std::span<const double> need, double tolerance, const FixtureOutput& ours,
                     FixtureError& worst);
void compare_outputs(const FixtureRun& run, const std::vector<FixtureOutput>& ours, FixtureError& worst);

}  // namespace fovea
