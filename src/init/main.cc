// src/init/main.cc: berm-init, PID 1 of every sandbox. Static, libc only, no allocation on the way.
//
// It starts with every capability of its own user namespace and none outside. It ends with none.
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>

#include "drill/acts/act.h"
#include "init/hook.h"
#include "init/janitor.h"
#include "init/machine.h"
#include "init/setup.h"

namespace berm::init {
namespace {

using wire::Step;

struct SetupStep {
  Step step;
  int (*run)(Setup&);
};

// The order is the security argument: each line says what breaks if it moves.
// clang-format off
constexpr SetupStep kBuild[] = {
    {Step::await_id_maps,       await_id_maps},        // until the parent writes them we are nobody
    {Step::take_identity,       take_identity},        // before any file is made: it would belong to nobody
    {Step::cgroup_namespace,    own_cgroup_namespace}, // after the supervisor put us into our groups: they become its root
    {Step::guard_init,          hide_from_tracers},    // after the maps: their files would become root's
    {Step::die_with_supervisor, die_with_supervisor},  // after identity: a credential change clears it
    {Step::private_mounts,      make_mounts_private},  // before any mount: or the host's events come in
    {Step::build_root,          build_root},           // before pivot: its sources are host paths
    {Step::raise_loopback,      raise_loopback},       // needs CAP_NET_ADMIN
    {Step::route_networks,      route_networks},       // needs CAP_NET_ADMIN, and lo must be up
    {Step::open_listeners,      open_listeners},       // after loopback; before seccomp forbids nothing less
    {Step::pivot_root,          pivot_root},           // last use of a host path
    {Step::limit_namespaces,    limit_namespaces},     // needs procfs and CAP_SYS_RESOURCE
    {Step::open_terminal,       open_terminal},        // on the private devpts, so after pivot
    {Step::set_limits,          set_limits},           // inherited by the agent; before fork
    {Step::drop_capabilities,   drop_capabilities},    // nothing below needs one, neither here nor in the agent
    {Step::no_new_privs,        set_no_new_privs},     // Landlock and seccomp refuse to load without
    {Step::await_workspace,     await_workspace},      // before fork: the private git directory was filled meanwhile
};
// Where a container engine made the namespaces and the root. Its work is verified, not repeated.
constexpr SetupStep kContained[] = {
    {Step::await_id_maps,       await_id_maps},        // the supervisor has looked at who we are
    {Step::guard_init,          hide_from_tracers},    // before anything of the agent's uid runs
    {Step::die_with_supervisor, find_supervisor_alive},
    {Step::take_identity,       verify_identity},      // before any file is made
    {Step::build_root,          populate_root},
    {Step::route_networks,      route_networks},       // refused without CAP_NET_ADMIN: told with the listeners
    {Step::open_listeners,      open_listeners},
    {Step::open_terminal,       open_terminal},
    {Step::set_limits,          set_limits},
    {Step::drop_capabilities,   verify_no_capability}, // they cannot be dropped from the bounding set: none may be there
    {Step::no_new_privs,        set_no_new_privs},
    {Step::await_workspace,     await_workspace},
};
constexpr SetupStep kConfine[] = {
    {Step::new_session,         new_session},              // before the terminal becomes controlling
    {Step::landlock,            restrict_with_landlock},   // after pivot: a landlocked task cannot mount
    {Step::seccomp,             install_agent_filter},     // last: it forbids what every line above calls
};
// The process tier: no root, no namespace, no network of its own.
constexpr SetupStep kBuildShared[] = {
    {Step::await_id_maps,       await_id_maps},         // the supervisor has put us into our groups
    {Step::take_identity,       become_run_user},       // before any file is made
    {Step::no_new_privs,        set_no_new_privs},      // Landlock refuses to load without
    {Step::scope_signals,       scope_signals},         // before any fork: the keeper's reach is this domain
    {Step::guard_init,          hide_from_tracers},     // after identity: a credential change sets it anew
    {Step::die_with_supervisor, adopt_orphans},         // before the first fork: whoever loses its parent is ours
    {Step::start_keeper,        start_keeper},          // before the first hostile process
    {Step::build_root,          make_tool_socket},
    {Step::open_listeners,      open_listeners},        // any port: the supervisor knows which
    {Step::open_terminal,       open_terminal},
    {Step::set_limits,          set_limits},
    {Step::drop_capabilities,   drop_own_capabilities},
    {Step::await_workspace,     await_workspace},
};
// In a virtual machine, in the namespaces that its PID 1 made: root is the machine's own.
constexpr SetupStep kBuildGuest[] = {
    {Step::private_mounts,      make_mounts_private},
    {Step::build_root,          mount_own_proc},         // of the run's own PID namespace
    {Step::limit_namespaces,    limit_guest_namespaces}, // as root: the machine's own limits
    {Step::set_limits,          set_limits},
    {Step::take_identity,       take_guest_identity},
    {Step::guard_init,          hide_from_tracers},      // after identity: a credential change resets it
    {Step::die_with_supervisor, die_with_supervisor},
    {Step::open_terminal,       open_terminal},          // after identity: the terminal is the agent's
    {Step::drop_capabilities,   drop_capabilities},
    {Step::no_new_privs,        set_no_new_privs},
};
// clang-format on

template <std::size_t N>
constexpr auto position(const SetupStep (&list)[N], Step step) {
  return std::find_if(std::begin(list), std::end(list),
                      [=](const SetupStep& s) { return s.step == step; }) -
         std::begin(list);
}
static_assert(position(kBuild, Step::take_identity) < position(kBuild, Step::die_with_supervisor));
static_assert(position(kBuild, Step::build_root) < position(kBuild, Step::pivot_root));
static_assert(position(kBuild, Step::raise_loopback) < position(kBuild, Step::open_listeners));
static_assert(position(kBuild, Step::limit_namespaces) < position(kBuild, Step::drop_capabilities));
static_assert(position(kBuild, Step::await_workspace) == std::size(kBuild) - 1,
              "the agent starts in a workspace that is whole");
static_assert(position(kContained, Step::guard_init) < position(kContained, Step::build_root));
static_assert(position(kContained, Step::await_workspace) == std::size(kContained) - 1,
              "the agent starts in a workspace that is whole");
static_assert(position(kConfine, Step::seccomp) == std::size(kConfine) - 1,
              "seccomp must stay last");

[[noreturn]] void fail(Step step, int error, int detail) {
  const wire::Message message{wire::MessageKind::failed, step, error, detail};
  send_message(message, nullptr, 0);
  ::_exit(125);
}

template <std::size_t N>
void run_steps(const SetupStep (&list)[N], Setup& setup) {
  for (const SetupStep& step : list) {
    const int error = step.run(setup);
    if (error != 0) fail(step.step, error, setup.failed_at);
  }
}

// execvpe(3) inside the sandbox: argv[0] is looked up on the sandbox's PATH, never the host's.
int exec_agent(const ProgramView& program) {
  static char* argv[4096];
  static char* env[1024];
  const auto copy = [&](wire::Slice slice, char** out, std::size_t room) {
    const auto offsets = program.slice<std::uint32_t>(slice);
    if (offsets.size() >= room) return false;
    for (std::size_t i = 0; i < offsets.size(); ++i) {
      out[i] = const_cast<char*>(program.string(offsets[i]));
    }
    out[offsets.size()] = nullptr;
    return true;
  };
  if (!copy(program.header().argv, argv, std::size(argv)) || argv[0] == nullptr) return E2BIG;
  if (!copy(program.header().env, env, std::size(env))) return E2BIG;
  if (::chdir(program.string(program.header().cwd)) != 0) return errno;
  environ = env;
  ::execvp(argv[0], argv);
  return errno;
}

[[noreturn]] void become_agent(Setup& setup) {
  run_steps(kConfine, setup);
  if ((setup.program.header().flags & wire::kSelfCheck) != 0) {
    Step step = Step::self_check_read;
    const int error = self_check(setup, step);
    if (error != 0) fail(step, error, 0);
  }
  // Without namespaces the supervisor has no more rights than we: it reads what it is asked to
  // execute only of a process that lets itself be read. Nothing hostile runs yet.
  if (!has_namespaces(setup) && ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) != 0) {
    fail(Step::guard_init, errno, 0);
  }
  // Last: what the self-check tries is no attempt of the agent. A guest's calls are answered by its
  // own kernel: what of them leaves the machine is seen from around it.
  const int watched = is_guest(setup) ? 0 : watch_connects(setup);
  if (watched != 0) fail(Step::watch_connects, watched, 0);
  const wire::Message started{wire::MessageKind::started, Step::exec, 0, 0};
  if (send_message(started, nullptr, 0) != 0) ::_exit(125);
  const int error = exec_agent(setup.program);
  // Control, program and tree descriptors are close-on-exec; until then a failure still has a
  // voice.
  fail(Step::exec, error, 0);
}

template <std::size_t N>
[[noreturn]] int run(const SetupStep (&build)[N], int tool_socket) {
  const ProgramView program(wire::kProgramFd);
  if (!program.valid()) fail(Step::read_program, EINVAL, 0);
  Setup setup{.program = program, .tool_socket = tool_socket};
  // The supervisor placed these at fixed numbers, which cleared close-on-exec.
  if (::close_range(wire::kControlFd, ~0U, CLOSE_RANGE_CLOEXEC) != 0) {
    fail(Step::read_program, errno, 0);
  }
  run_steps(build, setup);

  const pid_t agent = ::fork();
  if (agent < 0) fail(Step::fork_agent, errno, 0);
  if (agent == 0) become_agent(setup);

  if (setup.slave_fd >= 0) ::close(setup.slave_fd);
  const int null_fd = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null_fd < 0) fail(Step::guard_init, errno, 0);
  // Our copies of the agent's streams would keep its pipes open after it closed them.
  for (int fd = 0; fd <= 2; ++fd) ::dup3(null_fd, fd, O_CLOEXEC);
  // Without namespaces one descriptor stays: the one whose end the keeper waits for.
  if (has_namespaces(setup)) ::close_range(wire::kProgramFd, ~0U, 0);
  if (const int error = install_init_filter(setup); error != 0) fail(Step::seccomp, error, 0);
  reap_until_agent_ends(setup, agent);
}

int run_in_container() {
  const int tools = join_supervisor();
  if (tools < 0) return 125;  // nobody to tell
  return run(kContained, tools > 0 ? tools : -1);
}

}  // namespace

void run_in_guest() { run(kBuildGuest, -1); }

}  // namespace berm::init

int main(int argc, char** argv) {
  if (argc == 2 && ::strcmp(argv[1], "--sandbox") == 0) {
    return berm::init::run(berm::init::kBuild, -1);
  }
  if (argc == 2 && ::strcmp(argv[1], "--shared") == 0) {
    return berm::init::run(berm::init::kBuildShared, -1);
  }
  if (argc > 1 && ::strcmp(argv[1], "--vmm") == 0) berm::init::run_monitor(argc - 2, argv + 2);
  if (argc == 2 && ::strcmp(argv[1], "--guest") == 0 && ::getpid() == 1) berm::init::run_guest();
  if (argc == 1 && ::strcmp(argv[0], "/init") == 0 && ::getpid() == 1) {
    return berm::init::boot_guest();
  }
  if (argc == 2 && ::strcmp(argv[1], "--contained") == 0) return berm::init::run_in_container();
  if (argc > 1 && ::strcmp(argv[1], "--janitor") == 0) {
    return berm::init::clean_up_after(argc - 2, argv + 2);
  }
  if (argc > 1 && ::strcmp(argv[1], "hook") == 0) {
    return berm::init::answer_hook(argc - 2, argv + 2);
  }
  if (argc > 1 && ::strcmp(argv[1], "drill") == 0) return berm::drill::run_acts(argc - 2, argv + 2);
  constexpr char kUsage[] =
      "berm-init: started by berm as PID 1 of a sandbox; nothing to do here\n";
  const ssize_t ignored = ::write(2, kUsage, sizeof kUsage - 1);
  return ignored < 0 ? 125 : 2;
}
