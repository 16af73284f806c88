#include "batch/results.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <fstream>

#include "base/text.h"

namespace berm {
namespace {

using nlohmann::json;

constexpr const char* kSchema = "berm.batch-result/1";

std::string text_of(const json& object, const char* key) {
  return object.is_object() && object.contains(key) && object[key].is_string()
             ? object[key].get<std::string>()
             : std::string();
}

std::vector<std::string> texts_of(const json& object, const char* key) {
  std::vector<std::string> out;
  if (!object.is_object() || !object.contains(key) || !object[key].is_array()) return out;
  for (const json& one : object[key]) {
    if (one.is_string()) out.push_back(one.get<std::string>());
  }
  return out;
}

json member(const json& object, const char* key) {
  return object.is_object() && object.contains(key) ? object[key] : json();
}

}  // namespace

json to_json(const TaskResult& result) {
  return {{"schema", kSchema},           {"task", result.task},           {"run", result.run},
          {"status", result.status},     {"exit_code", result.exit_code}, {"error", result.error},
          {"reasons", result.reasons},   {"changes", result.changes},     {"import", result.import},
          {"attempts", result.attempts}, {"seconds", result.seconds}};
}

TaskResult read_run_report(const std::string& report, int exit_code) {
  TaskResult out;
  out.exit_code = exit_code;
  const json told = json::parse(report, nullptr, false);
  const json verdict = member(told, "verdict");
  out.status = text_of(verdict, "status");
  if (out.status.empty()) {
    // Nobody knows how far it came: it is not done again by itself.
    out.status = "lost";
    out.reasons = {fmt::format("berm run ended with {} and no report that can be read", exit_code)};
    return out;
  }
  out.run = text_of(told, "id");
  out.reasons = texts_of(verdict, "reasons");
  out.error = text_of(member(told, "error"), "code");
  out.changes = member(member(told, "changes"), "files").size();
  out.import = text_of(member(told, "import"), "note");
  return out;
}

Result<BatchResults> BatchResults::open(const std::string& file, bool again) {
  BatchResults out;
  out.fd_ = BERM_TRY(open_file(file, O_RDWR | O_CREAT | O_APPEND, 0600));
  if (::flock(out.fd_.get(), LOCK_EX | LOCK_NB) != 0) {
    return failure(Errc::denied, fmt::format("write to '{}': another batch does", printable(file)),
                   "wait for its end, or name another file by --results");
  }
  std::ifstream in(file);
  std::string line;
  off_t begin = 0;
  for (std::size_t number = 1; std::getline(in, line); ++number) {
    const bool torn = in.eof();  // whoever wrote it died at it: its task is done once more
    if (torn && ::ftruncate(out.fd_.get(), begin) != 0) return os_error("cut the last result off");
    if (torn) break;
    begin += static_cast<off_t>(line.size()) + 1;
    const json one = json::parse(line, nullptr, false);
    if (text_of(one, "schema") != kSchema) {
      return failure(Errc::usage,
                     fmt::format("{}:{}: no result of a batch", printable(file), number),
                     "name another file by --results");
    }
    out.note(text_of(one, "task"), text_of(one, "status"), again);
  }
  return out;
}

// A run that was not started was not done.
void BatchResults::note(const std::string& task, const std::string& status, bool again) {
  const bool success = status == "success";
  if (success || (!again && status != "setup_failed")) {
    done_.insert(task);
    return;
  }
  done_.erase(task);
}

Result<void> BatchResults::add(const TaskResult& result) {
  const std::string line =
      to_json(result).dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
  return in_context("writing the batch's results", write_all(fd_.get(), line));
}

}  // namespace berm
