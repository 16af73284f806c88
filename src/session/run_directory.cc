#include "session/run_directory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "supervise/sample.h"
#include "sys/beneath.h"

namespace berm {
namespace {

std::string new_run_id() {
  unsigned char random[4] = {};
  // 32 bits beside the date: a collision is caught by mkdir and tried again.
  if (::getrandom(random, sizeof random, 0) != sizeof random) {
    random[0] = static_cast<unsigned char>(::getpid());
  }
  const time_t now = ::time(nullptr);
  tm local{};
  ::localtime_r(&now, &local);
  return fmt::format("r-{:04}{:02}{:02}-{}", local.tm_year + 1900, local.tm_mon + 1, local.tm_mday,
                     to_hex(random));
}

bool is_run_id(std::string_view name) {
  return name.starts_with("r-") && is_normal_relative(name) &&
         name.find('/') == std::string_view::npos;
}

}  // namespace

Result<std::string> state_directory() {
  std::string base;
  if (const char* xdg = ::getenv("XDG_STATE_HOME"); xdg != nullptr && *xdg == '/') {
    base = xdg;
  } else if (const char* home = ::getenv("HOME"); home != nullptr && *home == '/') {
    base = std::string(home) + "/.local/state";
  } else {
    return failure(Errc::usage, "neither XDG_STATE_HOME nor HOME names a directory for the runs",
                   "set XDG_STATE_HOME");
  }
  const std::string state = base + "/berm";
  BERM_TRY(in_context("making the state directory", make_directories(state + "/runs", 0700)));
  struct stat status {};
  if (::stat(state.c_str(), &status) != 0) return os_error(fmt::format("look at '{}'", state));
  if (status.st_uid != ::geteuid() || (status.st_mode & 022) != 0) {
    return failure(Errc::denied, fmt::format("use '{}': others own it or may write to it", state),
                   "chmod 700 it, or set XDG_STATE_HOME");
  }
  return state;
}

Result<RunDirectory> create_run_directory(const std::string& state, const std::string& id) {
  if (!id.empty() && !is_run_id(id)) return failure(Errc::usage, "make a run of that id");
  for (int attempt = 0; attempt < 100; ++attempt) {
    RunDirectory run;
    run.id = id.empty() ? new_run_id() : id;
    run.path = fmt::format("{}/runs/{}", state, run.id);
    if (::mkdir(run.path.c_str(), 0700) != 0) {
      if (errno == EEXIST && id.empty()) continue;
      return os_error(fmt::format("create '{}'", run.path));
    }
    run.lock = BERM_TRY(open_file(run.path + "/lock", O_RDWR | O_CREAT, 0600));
    if (::flock(run.lock.get(), LOCK_EX | LOCK_NB) != 0) return os_error("lock the run");
    return run;
  }
  return failure(Errc::internal, "find an unused run id");
}

Result<void> save_run(const std::string& run_directory, const nlohmann::json& run) {
  const std::string text = run.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  const std::string path = run_directory + "/run.json";
  const std::string temporary = path + ".new";
  {
    const UniqueFd fd =
        BERM_TRY(open_file(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600));
    BERM_TRY(write_all(fd.get(), text));
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    return os_error(fmt::format("replace '{}'", path));
  }
  return {};
}

Result<nlohmann::json> load_run(const std::string& run_directory) {
  const std::string text = BERM_TRY(read_file(run_directory + "/run.json", 1 << 24));
  nlohmann::json run = nlohmann::json::parse(text, nullptr, false);
  if (!run.is_object()) {
    return failure(Errc::internal,
                   fmt::format("read '{}/run.json': it is not JSON", run_directory));
  }
  return run;
}

std::vector<std::string> list_runs(const std::string& state) {
  std::vector<std::pair<timespec, std::string>> found;
  const UniqueFd directory(::open((state + "/runs").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return {};
  const Result<std::vector<Entry>> entries = list_directory(directory.get());
  if (!entries) return {};
  for (const Entry& entry : *entries) {
    struct stat status {};
    if (!is_run_id(entry.name)) continue;
    // The lock file is made once and never changed: its time is the run's birth.
    if (::fstatat(directory.get(), (entry.name + "/lock").c_str(), &status, AT_SYMLINK_NOFOLLOW) !=
        0) {
      continue;
    }
    found.emplace_back(status.st_mtim, entry.name);
  }
  std::ranges::sort(found, [](const auto& a, const auto& b) {
    if (a.first.tv_sec != b.first.tv_sec) return a.first.tv_sec > b.first.tv_sec;
    if (a.first.tv_nsec != b.first.tv_nsec) return a.first.tv_nsec > b.first.tv_nsec;
    return a.second > b.second;
  });
  std::vector<std::string> ids;
  for (auto& [time, id] : found) ids.push_back(std::move(id));
  return ids;
}

Result<std::string> find_run(const std::string& state, const std::string& name) {
  const std::vector<std::string> ids = list_runs(state);
  if (name == "latest" && !ids.empty()) return state + "/runs/" + ids.front();
  std::vector<std::string> matching;
  for (const std::string& id : ids) {
    if (id == name) return state + "/runs/" + id;
    if (id.starts_with(name) || id.ends_with("-" + name)) matching.push_back(id);
  }
  if (matching.size() == 1 && !name.empty()) return state + "/runs/" + matching.front();
  if (matching.size() > 1) {
    return failure(Errc::usage,
                   fmt::format("'{}' names {} runs; write more of the id", name, matching.size()));
  }
  const std::vector<std::string_view> candidates(ids.begin(), ids.end());
  const std::string_view near = nearest(name, candidates);
  return failure(Errc::usage, fmt::format("there is no run '{}'", name),
                 near.empty() ? "'berm runs' lists them; 'latest' is the newest"
                              : fmt::format("did you mean '{}'?", near));
}

bool is_running(const std::string& run_directory) {
  const UniqueFd lock(::open((run_directory + "/lock").c_str(), O_RDWR | O_CLOEXEC));
  if (!lock) return false;
  return ::flock(lock.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

Result<std::vector<std::string>> prune_runs(const std::string& state, Milliseconds age,
                                            Bytes size) {
  std::vector<std::string> removed;
  Bytes total;
  for (const std::string& id : list_runs(state)) {
    const std::string path = state + "/runs/" + id;
    if (is_running(path)) continue;
    struct stat status {};
    if (::stat((path + "/lock").c_str(), &status) != 0) continue;
    const std::int64_t old_ms = (::time(nullptr) - status.st_mtim.tv_sec) * 1000;
    total.count += sample_disk(path).used.count;
    const bool half_made = !exists(path + "/run.json");
    if (old_ms < age.count() && total <= size && !half_made) continue;
    // One that cannot be removed must not keep the others for ever.
    if (remove_tree(path)) removed.push_back(id);
  }
  return removed;
}

}  // namespace berm
