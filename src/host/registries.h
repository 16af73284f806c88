// src/host/registries.h: where this host's package clients fetch from, for the bundles of a policy.
#pragma once

#include <map>
#include <set>
#include <string>

#include "policy/bundles.h"

namespace berm {

/// Whose configuration is read.
struct HostEnvironment {
  std::string home;                              ///< "" = unknown
  std::string path;                              ///< $PATH
  std::map<std::string, std::string> variables;  ///< those of package clients
  std::string repository;  ///< root of the working tree: nothing below it is read or run
  std::string root;        ///< before every system path; "" but in tests
};

/// @param home, path  as HostFacts has them
/// @return with the caller's variables that package clients read, and no others.
[[nodiscard]] HostEnvironment host_environment(std::string home, std::string path,
                                               std::string repository);

/// What the user's and the system's configuration of each of `clients` names: environment, files
/// of the home directory, files of /etc, and the default of the installed client itself. Never a
/// file of the repository, which would otherwise grant itself hosts with an .npmrc; a link or a
/// variable that leads there is said in the notes and not followed.
///
/// Starts npm (`npm config get registry`, in "/", at most 10 s) if nothing else names its registry;
/// no other client is started. Never fails: what cannot be read, or is no http(s) URL with a host
/// name, is a note.
[[nodiscard]] RegistryHosts read_registries(const std::set<std::string>& clients,
                                            const HostEnvironment& host);

}  // namespace berm
