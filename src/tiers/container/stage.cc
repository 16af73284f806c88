#include "tiers/container/stage.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "init/wire.h"
#include "plan/tools.h"
#include "tiers/container/seccomp_profile.h"

namespace berm {
namespace {

Result<void> set_mode(const std::string& path, unsigned mode) {
  if (::chmod(path.c_str(), mode) == 0) return {};
  return os_error(fmt::format("set the mode of '{}'", path));
}

std::string last_part(std::string_view path) {
  return std::string(path.substr(path.rfind('/') + 1));
}

// By way of the directory's descriptor: a socket's name is at most 108 bytes.
Result<UniqueFd> listen_in(const UniqueFd& directory, const std::string& name, int type,
                           const Identity& identity) {
  UniqueFd socket(::socket(AF_UNIX, type | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = fmt::format("/proc/self/fd/{}/{}", directory.get(), name);
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  if (!socket ||
      ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return os_error(fmt::format("make the socket '{}'", name));
  }
  // Its owner alone may connect; nobody can replace it, the mount is read-only.
  if (::chmod(path.c_str(), 0600) != 0) return os_error("close a socket to others");
  if (::geteuid() == 0 && ::lchown(path.c_str(), identity.host_uid, identity.host_gid) != 0) {
    return os_error("give a socket to the run's user");
  }
  if (::listen(socket.get(), 1024) != 0) return os_error("listen on a socket");
  return socket;
}

// A bind on a read-only directory needs its mount point there before.
Result<void> make_mount_points(const Plan& plan) {
  const std::string below = plan.places.berm + "/";
  for (const MountOp& op : plan.mounts) {
    const auto* bind = std::get_if<Bind>(&op);
    if (bind == nullptr || !bind->to.str().starts_with(below)) continue;
    const std::string at = staged(plan, bind->to.str().substr(below.size()));
    struct stat status {};
    const bool directory =
        ::stat(bind->from.str().c_str(), &status) == 0 && S_ISDIR(status.st_mode);
    BERM_TRY(make_directories(directory ? at : at.substr(0, at.rfind('/')), 0755));
    if (!directory) BERM_TRY(write_file(at, "", 0644));
  }
  return {};
}

}  // namespace

Result<StageSockets> make_stage(const Plan& plan) {
  const std::string stage = (plan.run_directory / "container").str();
  BERM_TRY(make_directories(stage + "/files", 0755));
  BERM_TRY(make_directories(staged(plan, ""), 0755));
  BERM_TRY(set_mode(staged(plan, ""), 0755));  // past our umask: another user looks at it
  BERM_TRY(write_file(stage + "/seccomp.json", engine_seccomp_profile(), 0600));
  for (const StagedFile& file : staged_files(plan)) {
    BERM_TRY(make_directories(file.path.substr(0, file.path.rfind('/')), 0755));
    BERM_TRY(write_file(file.path, file.content, 0600));
    BERM_TRY(set_mode(file.path, file.mode));
  }
  BERM_TRY(make_mount_points(plan));
  StageSockets sockets;
  const UniqueFd directory = BERM_TRY(open_file(staged(plan, ""), O_PATH | O_DIRECTORY));
  sockets.control = BERM_TRY(
      listen_in(directory, last_part(wire::kControlSocket), SOCK_SEQPACKET, plan.identity));
  if (plan.tools.hooked) {
    sockets.tools = BERM_TRY(
        listen_in(directory, last_part(kToolSocket), SOCK_STREAM | SOCK_NONBLOCK, plan.identity));
  }
  return sockets;
}

ContainerHost look_at_host(const Plan& plan) {
  ContainerHost host;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) host.open_files = limit.rlim_max;
  if (::getrlimit(RLIMIT_NPROC, &limit) == 0) {
    host.processes = std::min<std::uint64_t>(limit.rlim_max, 1 << 22);
  }
  const auto check = [&](const std::string& path) {
    if (::access(path.c_str(), F_OK) != 0) host.absent.push_back(path);
  };
  for (const MountOp& op : plan.mounts) {
    if (const auto* bind = std::get_if<Bind>(&op); bind != nullptr && bind->optional) {
      check(bind->from.str());
    } else if (const auto* absent = std::get_if<Absent>(&op)) {
      check(absent->at.str());
    }
  }
  return host;
}

}  // namespace berm
