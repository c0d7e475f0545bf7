// Selective scans of one vector of channels; see scan_table.h.

static void scan_forward(const ScanStrip& s, float* h, float* y, int64_t tokens) {
  for (int64_t t = 0; t < tokens; t++) {
    const float *b = s.b + t * s.states_step, *c = s.c + t * s.states_step;
    V delta = get(s.delta + t * s.step, s.count), input = delta * get(s.u + t * s.step, s.count), sum = {};
    for (int64_t j = 0; j < s.states; j++) {
      V state = madd(exp(delta * load(s.a + j * kLanes)), load(h + j * kLanes), input * b[j]);
      store(h + j * kLanes, state);
      sum = madd(state, set1(c[j]), sum);
    }
    put(y + t * s.step, sum, s.count);
  }
}

static void scan_states(const ScanStrip& s, float* h, int64_t tokens, bool keep_last) {
  const int64_t next = keep_last ? 0 : int64_t{s.states} * kLanes;
  for (int64_t t = 0; t < tokens; t++, h += next) {
    const float* b = s.b + t * s.states_step;
    V delta = get(s.delta + t * s.step, s.count), input = delta * get(s.u + t * s.step, s.count);
    for (int64_t j = 0; j < s.states * kLanes; j += kLanes)
      store(h + next + j, madd(exp(delta * load(s.a + j)), load(h + j), input * b[j / kLanes]));
  }
}

static void scan_backward(const ScanStrip& s, const float* h, const ScanGradients& g, int64_t tokens) {
  const int64_t next = int64_t{s.states} * kLanes;
  for (int64_t t = tokens - 1; t >= 0; t--) {
    const int64_t at = t * s.step, state_at = t * s.states_step;
    const float *b = s.b + state_at, *c = s.c + state_at, *before = h + t * next;
    V delta = get(s.delta + at, s.count), u = get(s.u + at, s.count), dy = get(g.dy + at, s.count);
    V input = delta * u, dinput = {}, ddelta = {};
    for (int64_t j = 0; j < s.states; j++) {
      const int64_t i = j * kLanes;
      V a = load(s.a + i), decay = exp(delta * a), dh = madd(dy, set1(c[j]), load(g.dh + i));
      g.db[state_at + j] += sum_lanes(dh * input);
      g.dc[state_at + j] += sum_lanes(dy * load(before + next + i));
      dinput = madd(dh, set1(b[j]), dinput);
      V kept = dh * decay, slope = kept * load(before + i);
      ddelta = madd(slope, a, ddelta);
      store(g.da + i, madd(slope, delta, load(g.da + i)));
      store(g.dh + i, kept);
    }
    put(g.du + at, delta * dinput, s.count);
    put(g.ddelta + at, madd(u, dinput, ddelta), s.count);
  }
}

static constexpr ScanTable make_scan_table() { return {kLanes, scan_forward, scan_states, scan_backward}; }
