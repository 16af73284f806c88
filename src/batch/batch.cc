#include "batch/batch.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <deque>
#include <list>

#include "base/text.h"
#include "batch/pace.h"
#include "batch/results.h"
#include "batch/task.h"
#include "session/run_directory.h"
#include "sys/self.h"
#include "workspace/prepare.h"

namespace berm {
namespace {

using nlohmann::json;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using std::chrono::seconds;

// A report names each changed file.
constexpr std::size_t kLargestReport = 16 << 20;
// So many that could not be set up, one after the other, and none that could: all will be like it.
constexpr std::uint64_t kHopeless = 5;

struct Waiting {
  BatchTask task;
  std::uint64_t attempts = 0;
  Clock::time_point since = Clock::now();
};

struct Live {
  Waiting what;
  ChildProcess berm;
  UniqueFd out;
  std::string report;
};

class Batch {
 public:
  explicit Batch(const BatchRequest& request) : request_(request), pace_(request.parallel) {}
  ~Batch() {
    if (signals_) ::pthread_sigmask(SIG_SETMASK, &mask_before_, nullptr);
  }
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;

  Result<BatchReport> run();

 private:
  Result<void> watch_signals();
  Result<void> start_what_may();
  Result<std::optional<Waiting>> next();
  Result<void> start(Waiting what);
  Result<void> turn();
  Result<void> finish(Live live);
  Result<void> refuse(const Waiting& what, const std::string& why);
  Result<void> settle(const TaskResult& result);
  void drop_workspace(const std::string& report, const TaskResult& result) const;
  void on_signal();
  void check_patience();
  void tell(const TaskResult& result);
  void tell_progress();

  [[nodiscard]] bool may_start() const { return !draining_ && report_.stopped.empty(); }

  const BatchRequest& request_;
  Pace pace_;
  std::optional<TaskFile> tasks_;
  std::optional<BatchResults> results_;
  bool all_read_ = false;
  std::deque<Waiting> again_;
  std::list<Live> live_;
  UniqueFd signals_;
  sigset_t mask_before_{};
  bool draining_ = false;
  std::uint64_t not_started_ = 0;  ///< one after the other
  bool any_started_ = false;
  std::string why_refused_;
  Clock::time_point moved_at_ = Clock::now();
  Clock::time_point told_at_ = Clock::now();
  BatchReport report_;
};

Result<void> Batch::watch_signals() {
  sigset_t watched;
  ::sigemptyset(&watched);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::sigaddset(&watched, signal);
  ::pthread_sigmask(SIG_BLOCK, &watched, &mask_before_);
  signals_ = UniqueFd(::signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals_) return os_error("watch for signals");
  return {};
}

// Those that were put off come first.
Result<std::optional<Waiting>> Batch::next() {
  if (!again_.empty()) {
    Waiting out = std::move(again_.front());
    again_.pop_front();
    return std::optional(std::move(out));
  }
  while (!all_read_) {
    std::optional<BatchTask> task = BERM_TRY(tasks_->next());
    all_read_ = !task;
    if (task && results_->has(task->id)) ++report_.before;
    if (task && !results_->has(task->id)) {
      return std::optional(Waiting{.task = *std::move(task)});
    }
  }
  return std::optional<Waiting>();
}

std::vector<std::string> words_of(const BatchRequest& request, const BatchTask& task) {
  std::vector<std::string> out = {"run", "--json", "--ci-report", "off"};
  out.insert(out.end(), request.options.begin(), request.options.end());
  const auto add = [&](const char* option, const std::string& own, const std::string& others) {
    const std::string& value = own.empty() ? others : own;
    if (!value.empty()) out.insert(out.end(), {option, value});
  };
  add("--policy", task.policy, request.policy);
  add("--time", task.time, request.time);
  add("--on-success", with_task(task.on_success, task.id), with_task(request.on_success, task.id));
  out.insert(out.end(), task.command.begin(), task.command.end());
  return out;
}

Result<void> Batch::start(Waiting what) {
  ++what.attempts;
  const std::string& directory = what.task.directory;
  if (!directory.empty() && ::access(directory.c_str(), X_OK) != 0) {
    return refuse(what, fmt::format("there is no directory '{}'", printable(directory)));
  }
  ++report_.runs;
  const UniqueFd nothing = BERM_TRY(open_file("/dev/null", O_RDWR));
  UniqueFd log;
  if (!request_.logs.empty()) {
    log = BERM_TRY(open_file(fmt::format("{}/{}.log", request_.logs, what.task.id),
                             O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW));
  }
  Pipe out = BERM_TRY(make_pipe());
  std::vector<std::string> environment;
  for (char** one = environ; *one != nullptr; ++one) environment.emplace_back(*one);
  ChildProcess berm = BERM_TRY(start_self(words_of(request_, what.task), std::move(environment),
                                          {.in = nothing.get(),
                                           .out = out.write.get(),
                                           .err = log ? log.get() : nothing.get(),
                                           .directory = what.task.directory,
                                           .ends_with_parent = true}));
  live_.push_back(
      {.what = std::move(what), .berm = std::move(berm), .out = std::move(out.read), .report = {}});
  return {};
}

Result<void> Batch::start_what_may() {
  while (may_start() && pace_.may_start(live_.size(), Clock::now())) {
    std::optional<Waiting> what = BERM_TRY(next());
    if (!what) return {};
    BERM_TRY(start(*std::move(what)));
  }
  return {};
}

// What is neither imported later nor looked at would fill the disk: ten thousand copies.
void Batch::drop_workspace(const std::string& report, const TaskResult& result) const {
  const bool of_use = result.changes > 0 && result.import.empty();
  if (request_.keep_workspaces || of_use || result.run.empty()) return;
  const json told = json::parse(report, nullptr, false);
  const std::string path = told.value("directory", std::string());
  Result<json> run = load_run(path);
  if (!run || !remove_workspace(path)) return;
  (*run)["workspace"] = "removed";
  (void)save_run(path, *run);
}

Result<void> Batch::finish(Live live) {
  const ChildProcess::Ended ended = BERM_TRY(live.berm.wait());
  TaskResult result = read_run_report(live.report, ended.signaled ? 128 + ended.code : ended.code);
  result.task = live.what.task.id;
  result.attempts = live.what.attempts;
  result.seconds = std::chrono::duration<double>(Clock::now() - live.what.since).count();
  if (result.error == "busy" && may_start()) {
    ++report_.refused;
    why_refused_ = result.reasons.empty() ? "" : result.reasons.front();
    --live.what.attempts;  // it was not this task's fault
    pace_.refused(live_.size(), Clock::now());
    again_.push_back(std::move(live.what));
    return {};
  }
  if (result.error == "kernel" && live.what.attempts < request_.attempts && may_start()) {
    again_.push_back(std::move(live.what));
    return {};
  }
  drop_workspace(live.report, result);
  return settle(result);
}

Result<void> Batch::refuse(const Waiting& what, const std::string& why) {
  TaskResult result;
  result.task = what.task.id;
  result.status = "setup_failed";
  result.exit_code = 125;
  result.error = name_of(Errc::usage);
  result.reasons = {why};
  result.attempts = what.attempts;
  return settle(result);
}

// A task has its result.
Result<void> Batch::settle(const TaskResult& result) {
  const bool set_up = result.status != "setup_failed";
  moved_at_ = Clock::now();
  why_refused_.clear();
  if (set_up) pace_.held();
  any_started_ = any_started_ || set_up;
  not_started_ = set_up ? 0 : not_started_ + 1;
  if (not_started_ >= kHopeless && !any_started_ && !request_.keep_going && may_start()) {
    report_.stopped = fmt::format("the first {} runs could not be set up", not_started_);
  }
  ++report_.by_status[result.status];
  if (!result.success()) tell(result);
  return results_->add(result);
}

void Batch::on_signal() {
  signalfd_siginfo info{};
  while (::read(signals_.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
    const bool first = !draining_ && info.ssi_signo == SIGINT;
    draining_ = true;
    report_.stopped = "interrupted";
    if (first) {
      request_.on_failure(fmt::format(
          "starts no more, and waits for {} runs; the next interrupt is theirs", live_.size()));
      continue;
    }
    for (const Live& one : live_) ::kill(one.berm.pid(), static_cast<int>(info.ssi_signo));
  }
}

void Batch::check_patience() {
  if (why_refused_.empty() || !live_.empty() || again_.empty() || !may_start()) return;
  if (Clock::now() - moved_at_ < request_.patience) return;
  report_.stopped = fmt::format("there was no room for a run for {}: {}",
                                to_text(Milliseconds(request_.patience.count())), why_refused_);
}

Result<void> Batch::turn() {
  std::vector<pollfd> fds = {{signals_.get(), POLLIN, 0}};
  for (const Live& one : live_) fds.push_back({one.out.get(), POLLIN, 0});
  const Clock::time_point next = may_start() ? pace_.next(live_.size()) : Clock::time_point::max();
  const auto left = std::chrono::ceil<milliseconds>(next - Clock::now());
  const bool timed = next != Clock::time_point::max() && (!all_read_ || !again_.empty());
  const auto wait =
      timed ? std::clamp(left, milliseconds(0), milliseconds(1000)) : milliseconds(1000);
  if (::poll(fds.data(), fds.size(), static_cast<int>(wait.count())) < 0) return {};
  if (fds[0].revents != 0) on_signal();
  std::size_t at = 1;
  for (auto one = live_.begin(); one != live_.end(); ++at) {
    if (fds[at].revents == 0) {
      ++one;
      continue;
    }
    char piece[64 << 10];
    const ssize_t got = ::read(one->out.get(), piece, sizeof piece);
    if (got > 0 && one->report.size() < kLargestReport) {
      one->report.append(piece, static_cast<std::size_t>(got));
    }
    if (got > 0 || (got < 0 && errno == EINTR)) {
      ++one;
      continue;
    }
    Live ended = std::move(*one);
    one = live_.erase(one);
    BERM_TRY(finish(std::move(ended)));
  }
  return {};
}

void Batch::tell(const TaskResult& result) {
  std::string line = fmt::format("{}: {} (exit {})", result.task, result.status, result.exit_code);
  if (!result.reasons.empty()) line += ": " + printable(result.reasons.front());
  request_.on_failure(line);
}

void Batch::tell_progress() {
  if (Clock::now() - told_at_ < request_.tell_every) return;
  told_at_ = Clock::now();
  std::string line = fmt::format("{} of {} done, {} running", report_.before + report_.ended(),
                                 report_.tasks, live_.size());
  for (const auto& [status, count] : report_.by_status) {
    line += fmt::format(", {} {}", count, status);
  }
  if (!why_refused_.empty()) {
    line += fmt::format("; at most {} at a time: {}", pace_.limit(), printable(why_refused_));
  }
  request_.on_progress(line);
}

Result<BatchReport> Batch::run() {
  const Clock::time_point begun = Clock::now();
  report_.tasks = BERM_TRY(count_tasks(request_.tasks));
  tasks_ = BERM_TRY(TaskFile::open(request_.tasks));
  results_ = BERM_TRY(BatchResults::open(request_.results, request_.again));
  if (!request_.logs.empty()) BERM_TRY(make_directories(request_.logs, 0700));
  BERM_TRY(watch_signals());
  const auto open = [&] { return may_start() && (!all_read_ || !again_.empty()); };
  while (open() || !live_.empty()) {
    BERM_TRY(start_what_may());
    if (!open() && live_.empty()) break;
    BERM_TRY(turn());
    check_patience();
    tell_progress();
  }
  report_.seconds = std::chrono::duration<double>(Clock::now() - begun).count();
  return report_;
}

}  // namespace

std::uint64_t BatchReport::ended() const {
  std::uint64_t out = 0;
  for (const auto& [status, count] : by_status) out += count;
  return out;
}

bool BatchReport::success() const {
  const auto good = by_status.find("success");
  return stopped.empty() && ended() == (good == by_status.end() ? 0 : good->second);
}

Result<BatchReport> run_batch(const BatchRequest& request) { return Batch(request).run(); }

}  // namespace berm
