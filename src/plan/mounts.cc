#include "plan/mounts.h"

#include <fmt/format.h>

#include "base/text.h"
#include "plan/make_plan.h"

namespace berm {
namespace {

SandboxPath inside(std::string_view path) { return *SandboxPath::parse(path); }
HostPath outside(std::string_view path) { return *HostPath::parse(path); }

void add_objects(Plan& plan, const RepositoryFacts& repository, const HostPath& from,
                 std::string_view to) {
  plan.mounts.emplace_back(Bind{.from = from,
                                .to = inside(to),
                                .idmapped = plan.identity.from_root && repository.idmappable});
}

void add_git(Plan& plan, const RepositoryFacts& repository) {
  const SandboxPath at = plan.workspace.at;
  const bool full = plan.workspace.git == GitHistory::full;
  plan.mounts.emplace_back(Bind{
      .from = plan.run_directory / "changes/git", .to = at / ".git", .access = Access::read_write});
  for (std::size_t i = 0; full && i < repository.object_dirs.size(); ++i) {
    add_objects(plan, repository, repository.object_dirs[i],
                fmt::format("/run/berm/objects/{}", i));
  }
  for (std::size_t i = 0; i < repository.inner.size(); ++i) {
    const InnerRepository& inner = repository.inner[i];
    if (inner.nested) {
      plan.mounts.emplace_back(
          Bind{.from = plan.run_directory / fmt::format("changes/nested/{}", i),
               .to = at / inner.at,
               .access = Access::read_write});
    }
    for (std::size_t k = 0; full && k < inner.object_dirs.size(); ++k) {
      add_objects(plan, repository, inner.object_dirs[k], inner_objects_path(i, k));
    }
  }
}

}  // namespace

std::string inner_objects_path(std::size_t index, std::size_t object_dir) {
  return fmt::format("/run/berm/objects/inner-{}-{}", index, object_dir);
}

// passwd, group and nsswitch as a program expects them, with one user.

void add_identity_files(Plan& plan) {
  const Identity& id = plan.identity;
  const auto file = [&](std::string_view at, std::string content) {
    plan.mounts.emplace_back(File{.at = inside(at), .content = std::move(content), .mode = 0644});
  };
  file("/etc/passwd", fmt::format("root:x:0:0:root:/nonexistent:/usr/sbin/nologin\n"
                                  "agent:x:{}:{}:agent:{}:/bin/sh\n"
                                  "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
                                  id.uid, id.gid, kAgentHome));
  file("/etc/group", fmt::format("root:x:0:\nagent:x:{}:\nnogroup:x:65534:\n", id.gid));
  file("/etc/nsswitch.conf",
       "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n"
       "services: files\nprotocols: files\n");
  file("/etc/hosts", fmt::format("127.0.0.1 localhost {}\n::1 localhost\n", plan.hostname));
  file("/etc/resolv.conf", "nameserver 127.0.0.1\n");
}

void add_system(Plan& plan, const HostFacts& host) {
  for (const HostFacts::Link& link : host.system_links) {
    plan.mounts.emplace_back(Symlink{.at = inside(link.at), .to = link.to});
  }
  for (const std::string& path : host.system_directories) {
    plan.mounts.emplace_back(Bind{.from = outside(path), .to = inside(path)});
  }
  for (const std::string& path : host.system_files) {
    plan.mounts.emplace_back(Bind{.from = outside(path), .to = inside(path), .optional = true});
  }
}

void add_devices(Plan& plan) {
  for (const std::string_view name : {"null", "zero", "full", "random", "urandom", "tty"}) {
    const std::string path = fmt::format("/dev/{}", name);
    plan.mounts.emplace_back(Bind{
        .from = outside(path), .to = inside(path), .access = Access::read_write, .device = true});
  }
  plan.mounts.emplace_back(Devpts{.at = inside("/dev/pts")});
  for (const auto& [at, to] : {std::pair{"/dev/ptmx", "pts/ptmx"},
                               {"/dev/fd", "/proc/self/fd"},
                               {"/dev/stdin", "/proc/self/fd/0"},
                               {"/dev/stdout", "/proc/self/fd/1"},
                               {"/dev/stderr", "/proc/self/fd/2"}}) {
    plan.mounts.emplace_back(Symlink{.at = inside(at), .to = to});
  }
}

void add_scratch(Plan& plan) {
  // Two instances so that a full /tmp cannot take HOME with it; together within limits.scratch.
  const Bytes half{plan.limits.scratch.count / 2};
  plan.mounts.emplace_back(Tmpfs{.at = inside(kAgentHome), .size = half, .mode = 0700});
  plan.mounts.emplace_back(Tmpfs{.at = inside("/tmp"), .size = half, .mode = 01777});
  plan.mounts.emplace_back(Tmpfs{.at = inside("/dev/shm"), .size = {64ULL << 20}, .mode = 01777});
}

// Without id-mapped mounts they are what everybody may read of them.

void add_workspace(Plan& plan, const RepositoryFacts& repository) {
  const SandboxPath at = plan.workspace.at;
  const bool idmapped = plan.identity.from_root;
  const WorkspaceMode mode = plan.workspace.mode;
  if (mode == WorkspaceMode::overlay || mode == WorkspaceMode::worktree) {
    const bool checkout = mode == WorkspaceMode::worktree;  // made for this run, and the run's own
    plan.mounts.emplace_back(
        Overlay{.lower = checkout ? plan.run_directory / "base" : repository.root,
                .writable = plan.run_directory / "changes",
                .to = at,
                .masks = repository.hidden,
                .mask_parents = repository.hidden_parents,
                .root_mode = repository.root_mode,
                .git_mount_point = repository.git_is_file,
                .idmapped = idmapped && !checkout});
  } else if (mode == WorkspaceMode::clone) {
    plan.mounts.emplace_back(
        Bind{.from = plan.run_directory / "changes/tree", .to = at, .access = Access::read_write});
  } else {
    plan.mounts.emplace_back(Bind{
        .from = repository.root, .to = at, .access = Access::read_write, .idmapped = idmapped});
    const HostPath covers = plan.run_directory / "covers";
    for (const HiddenPath& hidden : repository.hidden) {
      plan.mounts.emplace_back(
          Bind{.from = covers / (hidden.directory ? "directory" : "file"), .to = at / hidden.path});
    }
    if (plan.workspace.git == GitHistory::none) {
      plan.mounts.emplace_back(Bind{.from = covers / "directory", .to = at / ".git"});
    }
  }
  if (plan.workspace.git != GitHistory::none) add_git(plan, repository);
}

Result<void> add_absent_programs(Plan& plan, const std::vector<std::string>& programs,
                                 const HostFacts& host) {
  if (programs.empty()) return {};
  std::vector<std::string> places;
  for (const std::string& directory : host.system_directories) {
    if (directory.ends_with("bin")) places.push_back(directory);
    if (directory != "/usr") continue;
    for (const std::string_view below : {"bin", "sbin", "local/bin", "local/sbin", "games"}) {
      places.push_back(fmt::format("/usr/{}", below));
    }
  }
  plan.mounts.emplace_back(File{.at = inside(kAbsentFile), .content = "", .mode = 0});
  for (const std::string& program : programs) {
    std::vector<std::string> paths;
    if (program.starts_with('/')) paths.push_back(program);
    if (program.find('/') == std::string::npos) {
      for (const std::string& place : places) paths.push_back(place + "/" + program);
    }
    for (const std::string& path : paths) {
      Result<SandboxPath> at = SandboxPath::parse(path);
      if (at) plan.mounts.emplace_back(Absent{.at = *std::move(at), .asked = program});
      if (!at) paths.clear();
      if (!at) break;
    }
    if (!paths.empty()) continue;
    return failure(
        Errc::invalid_policy,
        fmt::format("tools.programs_absent: '{}' is neither the name of a program nor an "
                    "absolute path in normal form",
                    printable(program)),
        "write \"curl\" or \"/usr/bin/curl\"");
  }
  return {};
}

Result<void> add_extra_paths(Plan& plan, const Policy& policy, const HostFacts& host) {
  const auto expand = [&](const std::string& path) {
    return path.starts_with("~/") ? host.home + path.substr(1) : path;
  };
  for (const std::vector<std::string>* paths : {&policy.read_paths, &policy.write_paths}) {
    for (const std::string& path : *paths) {
      if (!plan.run_directory.is_within(outside(expand(path)))) continue;
      return failure(Errc::denied,
                     fmt::format("grant '{}': the record of this run lies in it, at '{}'",
                                 printable(path), printable(plan.run_directory.str())),
                     "grant a smaller directory, or set XDG_STATE_HOME to another place");
    }
  }
  for (const std::string& path : policy.read_paths) {
    plan.mounts.emplace_back(Bind{.from = outside(expand(path)), .to = inside(expand(path))});
    plan.weaknesses.push_back(fmt::format(
        "files.read grants {}: a socket or fifo in it can be used, read-only or not", path));
  }
  for (const std::string& path : policy.write_paths) {
    plan.mounts.emplace_back(Bind{
        .from = outside(expand(path)), .to = inside(expand(path)), .access = Access::read_write});
    plan.weaknesses.push_back(
        fmt::format("files.write grants {}: writes there are live on the host", path));
  }
  return {};
}

}  // namespace berm
