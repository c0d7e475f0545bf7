#include "data/loader.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <numeric>
#include <optional>
#include <thread>
#include <utility>

#include "base/error.h"
#include "base/text.h"
#include "data/mix.h"

namespace fovea {
namespace {

// Independent streams of one seed.
uint64_t key_for(uint64_t seed, std::string_view purpose) { return splitmix(seed ^ fnv1a(purpose)); }
uint64_t stream_for(int64_t epoch, int64_t item) { return static_cast<uint64_t>(epoch) << 40 | static_cast<uint64_t>(item); }

// A batch in the making.
struct Slot {
  Batch batch;
  std::vector<float> images, targets;
  std::vector<std::string> reasons;  // why a place is empty
  int left = 0;                      // places that are not done
  bool ready = false;
  std::exception_ptr error;
};

struct Places {
  Slot* slot;
  int begin, end;  // places
};
constexpr int kPlacesAtOnce = 8;  // enough to make the lock cheap, few enough to share a batch

// What a picture bears, columns of numbers do not.
void check_table(const Dataset& d, const Card& card, const Augment& a) {
  if (!d.table) return;
  if (d.h != card.height || d.w != card.width)
    fail(Code::usage, "{}: got {} columns, which are never resized, need {}x{}", d.spec, d.w, card.height, card.width);
  if (card.crop_pct != 1) fail(Code::usage, "{}: columns are never cropped: got a crop-pct of {}", d.spec, card.crop_pct);
  if (a.pad || a.scale_min < 1 || a.hflip > 0 || a.vflip > 0 || a.brightness > 0 || a.hue > 0 || a.randaugment)
    fail(Code::usage, "{}: columns of numbers take no crop-pad, scale, hflip, vflip, color-jitter, hue or aa", d.spec);
}

}  // namespace

void epoch_order(int64_t n, uint64_t seed, int64_t epoch, std::vector<uint32_t>& order) {
  order.resize(n);
  std::iota(order.begin(), order.end(), 0u);
  Random random(key_for(seed, "order"), static_cast<uint64_t>(epoch));
  for (int64_t i = n - 1; i > 0; i--) std::swap(order[i], order[random.below(static_cast<uint32_t>(i) + 1)]);
}

struct Loader::Impl {
  Impl(const Dataset& d, const Card& c, const Augment& a, LoaderOptions o);
  ~Impl();
  void start(int64_t at_epoch, int64_t at_batch);
  const Batch* next();
  void release();
  void wait_ready(std::unique_lock<std::mutex>& lock, const Slot& slot);
  void note_bad(const Slot& slot);
  void work(int worker);
  void open(int64_t number);
  std::optional<Places> claim(std::unique_lock<std::mutex>& lock);
  std::exception_ptr fill(const Places& job, Augmenter& augmenter, Image& room);
  void load(Slot& slot, int i, Augmenter& augmenter, Image& room);
  void finish(Slot& slot);
  Slot& slot(int64_t number) { return ring[static_cast<size_t>(number) % ring.size()]; }

  const Dataset& data;
  const Card card;
  const Augment augment;
  const LoaderOptions options;
  int classes;
  int64_t batches;
  int64_t pixels;  // of one picture, as floats
  ImageLimits limits;
  const uint64_t augment_key, mix_key;
  std::map<int64_t, std::string> bad;
  std::atomic<int64_t> turned = -1;  // a sample whose orientation tag was ignored
  bool told_turned = false;

  std::mutex mutex;  // of all below
  std::condition_variable work_wanted, batch_ready;
  std::vector<Slot> ring;
  std::vector<uint32_t> order;
  std::vector<int64_t> working_on;  // one per worker: a sample, or -1
  int64_t epoch = 0;
  int64_t given = 0;     // the batch that next() returns next
  int64_t opened = 0;    // the batch whose places are handed out,
  int place = 0;         // and the next of them
  int busy = 0;          // workers that hold places
  bool holding = false;  // the caller has batch given - 1
  bool stopping = false;
  std::vector<std::thread> workers;
};

Loader::Impl::Impl(const Dataset& d, const Card& c, const Augment& a, LoaderOptions o)
    : data(d),
      card(c),
      augment(o.train ? a : Augment{}),
      options(std::move(o)),
      augment_key(key_for(options.seed, "augment")),
      mix_key(key_for(options.seed, "mix")) {
  int64_t n = data.size();
  if (options.batch < 1 || options.batch > 1 << 20) fail(Code::usage, "batch: got {}, need 1 to {}", options.batch, 1 << 20);
  if (options.threads < 1 || options.threads > 256)
    fail(Code::usage, "loader threads: got {}, need 1 to 256", options.threads);
  if (options.ahead < 0 || options.ahead > 64) fail(Code::usage, "batches ahead: got {}, need 0 to 64", options.ahead);
  if (n == 0 || n > UINT32_MAX) fail(Code::usage, "{}: got {} pictures, need 1 to {}", data.spec, n, UINT32_MAX);
  if (options.train && options.batch > n)
    fail(Code::usage, "{}: got {} pictures, too few for one batch of {}. Use a batch of at most {}", data.spec, n,
         options.batch, n);
  classes = options.classes ? options.classes : static_cast<int>(data.classes.size());
  if (classes < static_cast<int>(data.classes.size()))
    fail(Code::usage, "{}: has {} classes, the network only {}", data.spec, data.classes.size(), classes);
  batches = options.train ? n / options.batch : (n + options.batch - 1) / options.batch;
  check_table(data, card, augment);
  pixels = int64_t{card.height} * card.width * card.channels;
  Augmenter checked(card, augment);  // the settings are wrong now rather than in a worker

  ring.resize(static_cast<size_t>(std::min<int64_t>(options.ahead + 1, batches)));
  uint64_t room = ring.size() * static_cast<uint64_t>(options.batch * (pixels + classes)) * sizeof(float);
  if (options.memory != UINT64_MAX)
    limits.memory = (options.memory - std::min(room, options.memory)) / static_cast<uint64_t>(options.threads);
  for (Slot& s : ring) {
    s.images.resize(static_cast<size_t>(options.batch * pixels));
    s.targets.resize(size_t(options.batch) * classes);
    s.reasons.resize(options.batch);
    s.batch.images = s.images.data(), s.batch.targets = s.targets.data();
    s.batch.labels.reserve(options.batch), s.batch.samples.reserve(options.batch);
  }
  order.resize(n);
  std::iota(order.begin(), order.end(), 0u);
  given = opened = batches;  // nothing to do before start()
  working_on.assign(options.threads, -1);
  for (int i = 0; i < options.threads; i++) workers.emplace_back([this, i] { work(i); });
}

Loader::Impl::~Impl() {
  {
    std::lock_guard lock(mutex);
    stopping = true;
  }
  work_wanted.notify_all();
  for (std::thread& t : workers) t.join();
}

void Loader::Impl::start(int64_t at_epoch, int64_t at_batch) {
  if (at_batch < 0 || at_batch > batches) fail(Code::usage, "start batch: got {}, need 0 to {}", at_batch, batches);
  std::unique_lock lock(mutex);
  opened = batches, place = 0;  // hand out nothing more
  batch_ready.wait(lock, [&] { return busy == 0; });
  epoch = at_epoch;
  if (options.train) epoch_order(data.size(), options.seed, epoch, order);
  for (Slot& s : ring) s.left = 0, s.ready = false, s.error = nullptr;
  given = opened = at_batch;
  holding = false;
  lock.unlock();
  work_wanted.notify_all();
}

// The slot of the batch that the caller had may be filled again.
void Loader::Impl::release() {
  if (!holding) return;
  slot(given - 1).ready = false;
  holding = false;
  work_wanted.notify_all();
}

void Loader::Impl::wait_ready(std::unique_lock<std::mutex>& lock, const Slot& s) {
  while (!batch_ready.wait_for(lock, std::chrono::duration<double>(options.stall_seconds), [&] { return s.ready; })) {
    if (!options.on_stall) continue;
    std::string slow;
    for (int64_t sample : working_on) {
      if (slow.empty() && sample >= 0) slow = data.name(sample);
    }
    lock.unlock();
    options.on_stall(slow);
    lock.lock();
  }
}

void Loader::Impl::note_bad(const Slot& s) {
  for (int i = 0; i < s.batch.n; i++) {
    if (s.batch.labels[i] < 0) bad.emplace(s.batch.samples[i], s.reasons[i]);
  }
  if (static_cast<double>(bad.size()) > options.max_bad * static_cast<double>(data.size())) {
    fail(Code::bad_file, "{}: {} of {} pictures cannot be read, more than --max-bad {}. The last is {}", data.spec,
         bad.size(), data.size(), options.max_bad, clip(bad.rbegin()->second, 160));
  }
}

const Batch* Loader::Impl::next() {
  std::unique_lock lock(mutex);
  release();
  if (given == batches) return nullptr;
  Slot& s = slot(given);
  wait_ready(lock, s);
  if (s.error) std::rethrow_exception(s.error);
  given++, holding = true;
  if (s.batch.filled < s.batch.n) note_bad(s);
  if (turned >= 0 && options.on_turned && !std::exchange(told_turned, true))
    options.on_turned(data.name(turned) + ": has an orientation tag, which is ignored. --exif apply turns such pictures");
  return &s.batch;
}

// Names the samples of a batch as it is begun.
void Loader::Impl::open(int64_t number) {
  Slot& s = slot(number);
  int64_t begin = number * options.batch, end = std::min(begin + options.batch, data.size());
  s.batch.n = s.left = static_cast<int>(end - begin);
  s.batch.number = number;
  s.batch.samples.assign(order.begin() + begin, order.begin() + end);
  s.batch.labels.assign(s.batch.n, -1);
}

// The next few places, or none when the loader is to stop.
std::optional<Places> Loader::Impl::claim(std::unique_lock<std::mutex>& lock) {
  work_wanted.wait(lock, [&] {
    int64_t oldest = given - (holding ? 1 : 0);  // batch that still needs its slot
    return stopping || (opened < batches && opened < oldest + static_cast<int64_t>(ring.size()));
  });
  if (stopping) return std::nullopt;
  if (place == 0) open(opened);
  Slot& s = slot(opened);
  Places job{&s, place, std::min(place + kPlacesAtOnce, s.batch.n)};
  place = job.end;
  if (place == s.batch.n) opened++, place = 0;
  busy++;
  return job;
}

void Loader::Impl::work(int worker) {
  Augmenter augmenter(card, augment);
  Image room;
  std::unique_lock lock(mutex);
  while (std::optional<Places> job = claim(lock)) {
    Slot& s = *job->slot;
    working_on[worker] = s.batch.samples[job->begin];
    lock.unlock();
    std::exception_ptr error = fill(*job, augmenter, room);
    lock.lock();
    if (error) s.error = error;
    s.left -= job->end - job->begin;
    if (s.left == 0) {
      lock.unlock();
      finish(s);
      lock.lock();
      s.ready = true;
    }
    working_on[worker] = -1;
    busy--;
    if (s.ready || busy == 0) batch_ready.notify_all();
  }
}

std::exception_ptr Loader::Impl::fill(const Places& job, Augmenter& augmenter, Image& room) {
  try {
    for (int i = job.begin; i < job.end; i++) load(*job.slot, i, augmenter, room);
  } catch (...) { return std::current_exception(); }
  return nullptr;
}

// One place. What is wrong with a picture stays with it; any other error is the run's.
void Loader::Impl::load(Slot& s, int i, Augmenter& augmenter, Image& room) {
  int64_t sample = s.batch.samples[i];
  float* image = s.batch.images + i * pixels;
  int label = data.labels[sample];
  try {
    Random random(augment_key, stream_for(epoch, sample));
    augmenter.make(data.image(sample, room, limits), random, image);
    if (!data.files.empty() && !data.apply_exif && room.orientation != 1) turned = sample;
  } catch (const NoRoom&) { throw; } catch (const Error& e) {
    if (!is_of_the_file(e)) throw;
    s.reasons[i] = e.what();
    std::fill_n(image, pixels, 0.f);
    label = -1;
  }
  s.batch.labels[i] = label;
  soft_target(label, classes, augment.label_smoothing, s.batch.targets + int64_t{i} * classes);
}

// What concerns the batch as a whole, once all its places are done.
void Loader::Impl::finish(Slot& s) {
  Batch& b = s.batch;
  b.filled = static_cast<int>(b.n - std::count(b.labels.begin(), b.labels.end(), -1));
  Random random(mix_key, stream_for(epoch, b.number));
  Mix mix = draw_mix(augment, card.height, card.width, random);
  mix_batch(mix, b.n, card.height, card.width, card.channels, classes, b.labels.data(), b.images, b.targets);
}

Loader::Loader(const Dataset& data, const Card& card, const Augment& augment, LoaderOptions options)
    : impl_(std::make_unique<Impl>(data, card, augment, std::move(options))) {}
Loader::~Loader() = default;
int64_t Loader::batches() const { return impl_->batches; }
int Loader::classes() const { return impl_->classes; }
void Loader::start(int64_t epoch, int64_t batch) { impl_->start(epoch, batch); }
const Batch* Loader::next() { return impl_->next(); }
const std::map<int64_t, std::string>& Loader::bad() const { return impl_->bad; }

}  // namespace fovea
