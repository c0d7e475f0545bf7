// Inside pointwise.h and reduce.h: a program compiled to loops over small tiles, and the evaluation of one tile.
//
// Values are sorted into three stages by what they vary with: scalar (one number, computed once), uniform (the same for all
// rows, computed once per column block: a [c] operand and what depends on such only), and varying (computed for every tile).
#pragma once
#include <cstdint>
#include <vector>

#include "kernels/isa/tables.h"
#include "kernels/pointwise.h"
#include "kernels/pointwise_code.h"

namespace fovea::kernels {

class PwEngine {
 public:
  static constexpr int kMaxValues = 256, kMaxInputs = 64, kMaxLinks = 16, kScratch = 8192;

  // Rows [row, row + rows) of outer index `outer` x columns [col, col + cols): contiguous in a dense output.
  struct Tile {
    int64_t outer, row, col, rows, cols;
  };

  // What one thread holds while it runs a program; on the stack.
  struct Frame {
    const float* const* in;
    float* const* out = nullptr;  // null: results stay in value[]
    float* y = nullptr;           // of a block: where register 0 comes from and the first output goes
    int64_t y_row = 0, y_col = 0, ld = 0;
    int64_t outer = -1, col = -1, uniform_rows = 0, uniform_cols = 0;  // what base[] and the uniform values are for
    int64_t mask = -1;  // of indices into uniform values: -1 where they fill the tile, else they repeat
    const float* base[kMaxInputs];
    const float* value[kMaxValues];
    bool direct[kMaxInputs];                   // per output: its last step may write to memory
    alignas(64) float scalar[kMaxValues][16];  // sixteen times the same, as chains want it
    alignas(64) float scratch[kScratch];
  };

  // Dimensions are merged where strides allow and group[] is equal. Group kChannels stays the last, even with one channel.
  static constexpr int kChannels = 2;
  PwEngine(const PwProgram& program, Isa isa, const int (&group)[4]);

  const int64_t* dims() const { return dims_; }  // merged; [2] rows, [3] columns, the outer ones before
  const int* groups() const { return group_; }
  int64_t outers() const { return dims_[0] * dims_[1]; }
  int64_t row_step() const { return row_step_; }
  int64_t col_step() const { return col_step_; }
  int64_t block_chunk(int64_t cols) const;  // values of one tile of a block
  bool reads_y() const { return y_ >= 0; }
  int outputs() const { return static_cast<int>(outputs_.size()); }
  int64_t steps() const { return static_cast<int64_t>(steps_[2].size()); }

  void begin(Frame& f) const;  // after in, out, y are set
  void eval(Frame& f, const Tile& tile) const;
  // After eval without out: where the result is, and whether it is one number for the whole tile.
  const float* result(const Frame& f, int i) const { return f.value[outputs_[i]]; }
  bool scalar_result(int i) const { return values_[outputs_[i]].stage == 0; }

 private:
  struct Step {
    PwFn fn;  // null: a chain, from a to d, of links [b, c)
    int16_t d, a, b, c;
  };
  struct Link {
    int code, value;
  };

  void merge(const PwProgram& program, const int (&group)[4]);
  void number(const PwProgram& program);
  void drop_unused();
  void choose_stages();
  void link_chains();
  void renumber(const std::vector<int>& order);
  int assign_slots();
  void find_late();
  void make_steps();
  void make_chain(int end);
  bool repeats(int64_t cols) const;
  bool in_rows(const Frame& f, const Tile& tile) const;
  void eval_rows(Frame& f, const Tile& tile) const;
  void enter(Frame& f, const Tile& tile) const;
  void bind(Frame& f, int load, const Tile& tile) const;
  void run_steps(Frame& f, int stage, int64_t n) const;
  void deliver(Frame& f, int i, const Tile& tile) const;

  int64_t dims_[4];
  int group_[4];
  std::vector<PwInput> strides_;
  std::vector<PwValue> values_;
  std::vector<int> outputs_;   // values
  std::vector<int> loads_[3];  // values, by stage
  std::vector<Step> steps_[3];
  std::vector<Link> links_;
  std::vector<uint64_t> late_;  // per output: inputs still read after it is computed
  bool only_links_ = true;      // chains or code alone take up uniform values, as operands
  PwCode code_ = nullptr;       // steps_[2] at once, if it can be had
  int y_ = -1;                  // the value of the preloaded register
  int64_t chunk_, row_step_, col_step_;
  const PwTable* table_;
};

}  // namespace fovea::kernels
