// tests/support/deny_syscall.cc: runs a command on a kernel that lacks, or forbids, some system
// calls.
//
//     deny-syscall NAME[=SECOND]:ERRNO… -- COMMAND ARGS…   e.g. landlock_create_ruleset:38
//     (ENOSYS),
//                                                         ioctl=0x8916:1 (SIOCSIFADDR, EPERM)
//
// A real seccomp filter: what the command sees is what it would see on such a host.
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>
#include <string>

int main(int argc, char** argv) {
  scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
  if (filter == nullptr) return 97;
  int i = 1;
  for (; i < argc && ::strcmp(argv[i], "--") != 0; ++i) {
    const std::string word = argv[i];
    const std::size_t colon = word.find(':');
    const std::size_t equals = word.find('=');
    const int number =
        seccomp_syscall_resolve_name(word.substr(0, std::min(colon, equals)).c_str());
    const unsigned conditions = equals == std::string::npos ? 0 : 1;
    const scmp_arg_cmp second =
        SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffffU,
                conditions == 0 ? 0 : ::strtoull(word.c_str() + equals + 1, nullptr, 0));
    const auto error = static_cast<unsigned>(::atoi(word.c_str() + colon + 1));
    // A call that this libseccomp does not know would be allowed, and the test prove nothing.
    if (colon == std::string::npos || number == __NR_SCMP_ERROR ||
        seccomp_rule_add_array(filter, SCMP_ACT_ERRNO(error), number, conditions, &second) != 0) {
      ::fprintf(stderr, "deny-syscall: cannot deny '%s'\n", argv[i]);
      return 97;
    }
  }
  if (i + 1 >= argc || seccomp_load(filter) != 0) return 97;
  ::execvp(argv[i + 1], argv + i + 1);
  ::perror(argv[i + 1]);
  return 127;
}
