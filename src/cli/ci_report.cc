#include "cli/ci_report.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "cli/console.h"
#include "report/ci_text.h"
#include "report/junit.h"
#include "report/markdown.h"
#include "session/record_stream.h"
#include "sys/beneath.h"

namespace berm {
namespace {

constexpr const char* kSection = "berm_run";
constexpr const char* kReportDirectory = "berm-report";

std::string variable(const char* name) {
  const char* value = ::getenv(name);
  return value == nullptr ? "" : value;
}

void warn(const std::string& what) {
  complain(fmt::format("berm: warning: {}, continuing without it\n", printable(what)));
}

std::string random_word() {
  std::array<unsigned char, 16> bytes{};
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) return "";
  return to_hex(bytes);
}

// The runner reads our two streams side by side. What the agent left in a pipe would be read after
// the words that end the silence, if those went through the other one.
bool is_read(int fd) {
  constexpr int kMostTries = 200;
  struct stat status {};
  if (::fstat(fd, &status) != 0 || !S_ISFIFO(status.st_mode)) return true;
  for (int i = 0; i < kMostTries; ++i) {
    int waiting = 0;
    if (::ioctl(fd, FIONREAD, &waiting) != 0 || waiting == 0) return true;
    const timespec pause{.tv_sec = 0, .tv_nsec = 10'000'000};
    ::nanosleep(&pause, nullptr);
  }
  return false;
}

// A file of the runner's: it exists, or is ours to make; never what a link leads to.
Result<UniqueFd> open_to_append(const std::string& path) {
  UniqueFd fd = BERM_TRY(open_file(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK));
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) return os_error(fmt::format("look at '{}'", path));
  if (!S_ISREG(status.st_mode)) {
    return failure(Errc::denied, fmt::format("append to '{}': not a regular file", path));
  }
  return fd;
}

Result<void> append(const std::string& path, std::string_view text) {
  const UniqueFd fd = BERM_TRY(open_to_append(path));
  return write_all(fd.get(), text);
}

Result<void> append_summary(const std::string& path, const report::RunFacts& facts) {
  const UniqueFd fd = BERM_TRY(open_to_append(path));
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) return os_error(fmt::format("look at '{}'", path));
  // GitHub drops a summary that is too large as a whole, what stood there before included.
  const auto used = static_cast<std::size_t>(status.st_size) + 1;
  if (used + 4096 > report::kGithubSummary) {
    return failure(Errc::unsupported, "append to the job's summary: it is full");
  }
  return write_all(fd.get(),
                   report::markdown(facts, {.most = report::kGithubSummary - used}) + "\n");
}

Result<void> replace_in(int directory, const std::string& name, std::string_view text) {
  const std::string other = fmt::format(".{}.{}", name, random_word());
  const UniqueFd fd =
      BERM_TRY(open_beneath(directory, other, O_WRONLY | O_CREAT | O_EXCL | O_NONBLOCK, 0644));
  BERM_TRY(write_all(fd.get(), text));
  if (::renameat(directory, other.c_str(), directory, name.c_str()) != 0) {
    const auto failed = os_error(fmt::format("write '{}/{}'", kReportDirectory, name));
    (void)remove_beneath(directory, other);
    return failed;
  }
  return {};
}

// In the working tree, where an agent, or who wrote the branch, may have put a link of that name.
Result<void> write_gitlab_files(const report::RunFacts& facts) {
  const std::string project = variable("CI_PROJECT_DIR");
  const UniqueFd root =
      BERM_TRY(open_file(project.empty() ? "." : project, O_RDONLY | O_DIRECTORY));
  if (::mkdirat(root.get(), kReportDirectory, 0755) != 0 && errno != EEXIST) {
    return os_error(fmt::format("make the directory '{}'", kReportDirectory));
  }
  const UniqueFd directory =
      BERM_TRY(open_beneath(root.get(), kReportDirectory, O_RDONLY | O_DIRECTORY));
  BERM_TRY(replace_in(directory.get(), "junit.xml", report::junit(facts)));
  BERM_TRY(replace_in(directory.get(), "report.md", report::markdown(facts)));
  const std::string quality =
      report::code_quality(facts).dump(2, ' ', false, nlohmann::json::error_handler_t::replace);
  return replace_in(directory.get(), "gl-code-quality-report.json", quality + "\n");
}

void write_github_files(const report::RunFacts& facts, const std::string& record) {
  if (const std::string path = variable("GITHUB_STEP_SUMMARY"); !path.empty()) {
    const Result<void> done = append_summary(path, facts);
    if (!done) warn(sentence(done.error()));
  }
  if (const std::string path = variable("GITHUB_OUTPUT"); !path.empty()) {
    const std::string delimiter = random_word();
    if (delimiter.empty()) return warn("cannot make a random delimiter for the step's outputs");
    const Result<void> done =
        append(path, report::github_outputs(facts, record, "berm-" + delimiter));
    if (!done) warn(sentence(done.error()));
  }
}

}  // namespace

CiReport::CiReport(Wish wish) {
  if (wish == Wish::off) return;
  if (variable("GITHUB_ACTIONS") == "true") system_ = System::github;
  if (variable("GITLAB_CI") == "true") system_ = System::gitlab;
}

void CiReport::begin() {
  if (system_ == System::gitlab) {
    complain(report::gitlab_section_start(::time(nullptr), kSection, "berm run"));
  }
  if (system_ != System::github) return;
  token_ = random_word();
  // On stderr alone: stdout may be a file or a variable of the caller's.
  if (!token_.empty()) complain(fmt::format("::stop-commands::{}\n", token_));
}

void CiReport::end() {
  if (system_ == System::gitlab) complain(report::gitlab_section_end(::time(nullptr), kSection));
  if (system_ != System::github || token_.empty()) return;
  if (!is_read(STDOUT_FILENO) || !is_read(STDERR_FILENO)) {
    return warn("the runner does not read what the agent printed; annotations");
  }
  complain(fmt::format("\n::{}::\n", token_));
  silenced_ = false;
}

void CiReport::tell(const RunReport& report) const {
  if (system_ == System::none) return;
  const std::string record = report.path + "/record.jsonl";
  const Result<std::optional<report::RunFacts>> facts = read_facts(record);
  if (!facts) return warn(sentence(facts.error()));
  if (system_ == System::gitlab) {
    const Result<void> done = write_gitlab_files(**facts);
    if (!done) warn(sentence(done.error()));
    return;
  }
  if (!silenced_) complain(report::github_annotations(**facts));
  write_github_files(**facts, record);
}

void CiReport::tell(const Error& error) const {
  if (system_ != System::github) return;
  if (!silenced_) {
    complain(report::workflow_command("error", {{"title", "berm"}}, printable(sentence(error))));
  }
  report::RunFacts facts;
  facts.status = "setup_failed";
  facts.exit_code = 125;
  facts.reasons.add(printable(sentence(error)), 1);
  const std::string path = variable("GITHUB_OUTPUT");
  const std::string delimiter = random_word();
  if (path.empty() || delimiter.empty()) return;
  const Result<void> done = append(path, report::github_outputs(facts, "", "berm-" + delimiter));
  if (!done) warn(sentence(done.error()));
}

}  // namespace berm
