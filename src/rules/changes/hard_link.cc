// src/rules/changes/hard_link.cc
//
// hard-link: two names of one file make a path policy say two things about it.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "rules/changes/changes.h"

namespace berm {
namespace {

void check(const Changes& changes, const GuardPolicy&, std::vector<Finding>& findings) {
  for_each_importable(changes, [&](const Change& change) {
    if (change.after.type != FileType::regular || change.after.links <= 1) return;
    findings.push_back(
        {"hard-link", change.path,
         fmt::format("has {} names: a path rule sees only one of them", change.after.links)});
  });
}

}  // namespace

const ChangeRule kHardLink = {"hard-link", "a file with more than one name", check};

}  // namespace berm
