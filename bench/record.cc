// bench/record: events a second through RecordFile (redacted, sealed, chained, signed, written) and
// bytes a second through check_record(), beside SHA-256 alone over the same bytes.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "audit/record_file.h"
#include "record/sha256.h"
#include "record/verify.h"
#include "sys/fd.h"

using berm::RecordFile;

namespace {

double seconds(const auto& act) {
  const auto begin = std::chrono::steady_clock::now();
  act();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

// As the watch over started programs writes them.
std::string exec_event(int number) {
  return fmt::format(
      R"({{"argv":["/usr/lib/gcc/x86_64-linux-gnu/12/cc1","-quiet","-I","include","file{0}.c",)"
      R"("-o","/tmp/cc{0}.s"],"argv_left_out":0,"cwd":"/src/project","decision":"allow",)"
      R"("executable":"/usr/lib/gcc/x86_64-linux-gnu/12/cc1","object":{{"device":"254:1",)"
      R"("inode":{0},"sha256":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",)"
      R"("size":30123456}},"pid":{0},"ppid":{0},"reason":"","rule":""}})",
      number);
}

}  // namespace

int main(int argc, char** argv) {
  const int events = argc > 1 ? std::atoi(argv[1]) : 300000;
  const std::string path = argc > 2 ? argv[2] : "/dev/shm/berm-bench-record.jsonl";
  berm::KnownSecrets known;
  if (!known.add("key", "Zk4tWq9LmXr2Vb7NcY5hPd3F")) return 1;
  for (int round = 0; round < 3; ++round) {
    ::unlink(path.c_str());
    auto record = RecordFile::create(path, "r-20261123-00000000");
    if (!record) return 1;
    record->hide(known);
    std::vector<std::string> batch;
    double spent = 0;
    for (int i = 0; i < events;) {
      batch.clear();
      for (int k = 0; k < 64 && i < events; ++k) batch.push_back(exec_event(i++));
      spent += seconds([&] { record->append_all("supervisor", "exec", batch); });
    }
    spent += seconds([&] { record->end(); });
    const auto text = berm::read_file(path, 4ULL << 30);
    ::unlink(path.c_str());
    if (!text || record->failed()) return 1;
    berm::RecordCheck check;
    const double verify = seconds([&] { check = berm::check_record(*text); });
    const double hash = seconds([&] { (void)berm::sha256_hex(*text); });
    if (!check.intact() || !check.complete) return 1;
    const double megabytes = static_cast<double>(text->size()) / 1e6;
    fmt::print(
        "{} events of {} bytes: {:.0f} events/s written, verified at {:.0f} MB/s; SHA-256 alone "
        "{:.0f} MB/s (ratio {:.2f})\n",
        events, text->size() / static_cast<std::size_t>(events), events / spent, megabytes / verify,
        megabytes / hash, hash / verify);
  }
}
