// fovea doctor: what this machine offers, what is used of it, and why.
#include <fmt/format.h>
#include <png.h>
#include <sched.h>
#include <sys/resource.h>
#include <webp/decode.h>
#include <zip.h>
#include <zlib.h>

#include <cstdio>
#include <cstdlib>
// needs stdio.h before it
#include <jpeglib.h>

#include "_verb.h"
#include "base/cgroup.h"
#include "base/cpu.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/threads.h"
#include "io/image.h"
#include "kernels/peak.h"

namespace fovea::cli {
namespace {

using Rows = std::vector<Record>;

void add(Rows& rows, const char* what, const std::string& value, const std::string& why = "") {
  rows.push_back({{"what", what}, {"value", value}, {"why", why}});
}

std::string bytes_text(uint64_t bytes) { return human_bytes(static_cast<double>(bytes)); }

std::string why_this_isa() {
  const char* wish = std::getenv("FOVEA_ISA");
  if (active_isa() == detected_isa()) return "the best that this CPU and system offer";
  return wish && *wish ? "limited by FOVEA_ISA" : "limited by --isa";
}

void add_cpu(Rows& rows, Isa isa, int threads) {
  cpu_set_t sets[8];
  int cpus = sched_getaffinity(0, sizeof sets, sets) == 0 ? CPU_COUNT_S(sizeof sets, sets) : 1;
  add(rows, "cpu", cpu_model());
  add(rows, "instructions found", isa_name(detected_isa()),
      fmt::format("bf16 {}, vnni {} (not used yet)", cpu_has_bf16() ? "yes" : "no", cpu_has_vnni() ? "yes" : "no"));
  add(rows, "instructions used", isa_name(isa), why_this_isa());
  add(rows, "cpus of this process", std::to_string(cpus), "affinity");
  int quota = cgroup_cpus();
  add(rows, "cpu quota", quota == kNoQuota ? "none" : std::to_string(quota), "control groups");
  add(rows, "threads", std::to_string(threads), "--threads, or what affinity and quota allow");
}

void add_memory(Rows& rows, uint64_t limit) {
  uint64_t group = cgroup_memory();
  rlimit space{};
  getrlimit(RLIMIT_AS, &space);
  add(rows, "memory available", bytes_text(available_memory()), "of the system and the control groups");
  add(rows, "memory left by groups", group == kNoMemoryLimit ? "no limit" : bytes_text(group), "control groups");
  add(rows, "address space", space.rlim_cur == RLIM_INFINITY ? "no limit" : bytes_text(space.rlim_cur), "ulimit -v");
  add(rows, "memory limit", bytes_text(limit), "--mem-limit, or 80 % of what is available");
}

void add_limits(Rows& rows) {
  ImageLimits image;
  add(rows, "largest picture", group_digits(static_cast<int64_t>(image.pixels)) + " pixels", "checked before decoding");
  add(rows, "largest picture file", bytes_text(image.file_bytes));
  add(rows, "scans of a JPEG", std::to_string(image.jpeg_scans), "progressive");
}

void add_libraries(Rows& rows) {
  int webp = WebPGetDecoderVersion();
  add(rows, "libjpeg-turbo", fmt::format("API {}", JPEG_LIB_VERSION));
  add(rows, "libpng", png_get_libpng_ver(nullptr));
  add(rows, "libwebp", fmt::format("{}.{}.{}", webp >> 16, webp >> 8 & 255, webp & 255));
  add(rows, "libzip", zip_libzip_version());
  add(rows, "zlib", zlibVersion());
}

int run(std::span<const std::string> args) {
  Common common;
  Flags o("doctor", "Tells what this machine offers, what fovea uses of it, and why; measures the peak of its cores.");
  common.add_running(o);
  common.add_format(o);
  if (!o.parse(args)) return 0;
  common.apply();
  Pool pool(common.threads);
  Isa isa = active_isa();
  Rows rows;
  add_cpu(rows, isa, common.threads);
  add(rows, "peak", fmt::format("{:.0f} GFLOP/s", kernels::measure_peak(isa, pool) * 1e-9),
      "f32 FMA, measured now, all threads");
  add_memory(rows, common.mem_limit);
  add_limits(rows);
  add_libraries(rows);
  print(rows, common.output());
  return 0;
}

}  // namespace

FOVEA_VERB(doctor, "tell what this machine offers and what is used of it", run)

}  // namespace fovea::cli
