#include "supervise/janitor.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <unistd.h>

#include "sys/fd.h"

namespace berm {

Result<pid_t> start_janitor(const std::string& init, const std::vector<std::string>& directories) {
  Pipe alive = BERM_TRY(make_pipe());
  std::vector<char*> argv = {const_cast<char*>("berm-init"), const_cast<char*>("--janitor")};
  for (const std::string& directory : directories) {
    argv.push_back(const_cast<char*>(directory.c_str()));
  }
  argv.push_back(nullptr);
  const pid_t pid = ::vfork();  // the child only makes system calls; copying our tables would cost
                                // more than the rest
  if (pid < 0) return os_error("start the janitor");
  if (pid == 0) {
    ::setsid();  // a Ctrl-C that ends us must not end it
    ::dup2(alive.read.get(), 0);
    const int null_fd = ::open("/dev/null", O_RDWR);
    ::dup2(null_fd, 1);
    ::dup2(null_fd, 2);
    ::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
    // Nothing of our environment: it may hold the secrets that berm itself was given.
    char* const none[] = {nullptr};
    ::execve(init.c_str(), argv.data(), none);
    ::_exit(127);
  }
  (void)alive.write.release();
  return pid;
}

}  // namespace berm
