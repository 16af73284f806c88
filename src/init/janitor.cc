#include "init/janitor.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

namespace berm::init {
namespace {

void kill_group(const char* directory) {
  char path[4096];
  ::snprintf(path, sizeof path, "%s/cgroup.procs", directory);
  FILE* file = ::fopen(path, "re");
  if (file == nullptr) return;
  char line[32];
  while (::fgets(line, sizeof line, file) != nullptr) {
    const int pid = ::atoi(line);
    if (pid > 1 && pid != ::getpid()) ::kill(pid, SIGKILL);
  }
  ::fclose(file);
}

bool has_other_groups(const char* directory) {
  char parent[4096];
  ::snprintf(parent, sizeof parent, "%s/..", directory);
  DIR* stream = ::opendir(parent);
  if (stream == nullptr) return true;
  const char* own = ::strrchr(directory, '/') + 1;
  bool other = false;
  while (const dirent* entry = ::readdir(stream)) {
    other = other || (entry->d_type == DT_DIR && entry->d_name[0] != '.' &&
                      ::strcmp(entry->d_name, own) != 0);
  }
  ::closedir(stream);
  return other;
}

// We may be the last process in the leaf that berm made for itself (v2). The group above takes
// processes again once it controls no children; while it has others, their limits hang on that, and
// the leaf stays for the next run to remove.
void leave_group(const char* directory) {
  constexpr const char* kSupervisor = "-supervisor";
  const std::size_t length = ::strlen(directory);
  if (length < ::strlen(kSupervisor) ||
      ::strcmp(directory + length - ::strlen(kSupervisor), kSupervisor) != 0) {
    return;
  }
  if (has_other_groups(directory)) return;
  char path[4096];
  ::snprintf(path, sizeof path, "%s/../cgroup.subtree_control", directory);
  const auto put = [&](const char* text) {
    const int fd = ::open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return;
    [[maybe_unused]] const ssize_t wrote = ::write(fd, text, ::strlen(text));
    ::close(fd);
  };
  put("-memory -pids -cpu");
  ::snprintf(path, sizeof path, "%s/../cgroup.procs", directory);
  put("0");
}

void remove_group(const char* directory) {
  // Busy until the last process is reaped, a moment after its death. Two seconds are an age.
  for (int attempt = 0; attempt < 200; ++attempt) {
    if (::rmdir(directory) == 0 || errno != EBUSY) return;
    kill_group(directory);
    leave_group(directory);
    const timespec pause{0, 10000000};
    ::nanosleep(&pause, nullptr);
  }
}

}  // namespace

int clean_up_after(int count, char** directories) {
  char ignored = 0;
  ssize_t got = 0;
  do {
    got = ::read(0, &ignored, 1);
  } while (got > 0 || (got < 0 && errno == EINTR));
  for (int i = 0; i < count; ++i) remove_group(directories[i]);
  return 0;
}

}  // namespace berm::init
