// src/tiers/namespace/native.h: the plan as ordered native steps. Pure and printable.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "init/wire.h"
#include "plan/plan.h"

namespace berm {

/// One step for berm-init, before encoding. Targets are relative to the new root.
struct NativeStep {
  wire::Op op = wire::Op::directory;
  std::string source = {};
  std::string target = {};
  std::uint64_t attributes = 0;
  std::uint64_t size = 0;
  std::uint32_t mode = 0;
  bool optional = false;
  bool watched = false;  ///< tmpfs that the agent fills
  bool idmapped = false;
  bool operator==(const NativeStep&) const = default;
};

/// The mount part of a plan as steps: same plan, same steps (golden-tested).
[[nodiscard]] std::vector<NativeStep> native_steps(const Plan& plan);

/// One line a step, as `berm plan --native` prints it.
[[nodiscard]] std::string to_text(const NativeStep& step);

/// A host tree that the supervisor opens because berm-init, as the run's uid, could not (root).
struct HostTree {
  HostPath path;
  bool idmapped = false;
  bool operator==(const HostTree&) const = default;
};

struct EncodedProgram {
  std::vector<char> bytes;
  std::vector<HostTree> trees;  ///< in the order of their slots
};

/// Lays the program out as init/wire.h says. `open_trees`: binds become slots (caller is root);
/// optional binds whose source is in `absent` are left out.
[[nodiscard]] EncodedProgram encode(const Plan& plan, const std::vector<NativeStep>& steps,
                                    bool open_trees, const std::vector<std::string>& absent);

/// The words for a failed step: what was tried, and for build_root the mount it was about.
[[nodiscard]] std::string describe(wire::Step step, int instruction,
                                   const std::vector<NativeStep>& steps);

}  // namespace berm
