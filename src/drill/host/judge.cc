#include <errno.h>
#include <fmt/format.h>
#include <string.h>

#include <algorithm>
#include <charconv>

#include "base/text.h"
#include "drill/host/drill.h"

namespace berm::drill {
namespace {

bool has(const std::vector<std::string>& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

std::string errno_name(int error) {
  if (error == kKilled) return "killed";
  const char* name = ::strerrorname_np(error);
  return name != nullptr ? name : fmt::format("errno {}", error);
}

int errno_of(const Errnos& errnos, std::string_view name) {
  const auto at = errnos.find(std::string(name));
  return at == errnos.end() ? -1 : at->second;
}

constexpr std::size_t kRepository = sizeof "repo/" - 1;

void judge_aftermath(const Act& act, const Expected& expected, const Observed& seen,
                     ActResult& out) {
  if (!has(seen.left_control, out.name)) {
    out.why = out.control == 0 ? "the control left nothing" : "you cannot do this outside either";
    if (out.control > 0) out.why += fmt::format(" ({})", errno_name(out.control));
    return;
  }
  // One refusal keeps every change out: what would have come in by itself is no success.
  if (out.group == "settings" &&
      !has(seen.refused, std::string_view(act.path).substr(kRepository))) {
    out.outcome = Outcome::escaped;
    out.why = "the guard lets this change through";
    return;
  }
  out.outcome = Outcome::contained;
  out.as_expected = true;
  out.held_by = out.inside > 0 ? fmt::format("{} ({})", expected.layer, errno_name(out.inside))
                               : std::string(expected.layer);
}

void judge_errno(const Act& act, const Expected& expected, ActResult& out) {
  // A limit that no cgroup holds is held by who watches the run, and ends it.
  out.as_expected = out.inside == expected.denied_with ||
                    (act.control == Control::exhausting && out.inside == kKilled);
  if (out.control != 0) {
    out.why = out.control < 0
                  ? "no control could be made here"
                  : fmt::format("you cannot do this outside either ({})", errno_name(out.control));
    return;
  }
  out.outcome = Outcome::contained;
  out.held_by = fmt::format("{} ({})", out.as_expected ? expected.layer : "another layer",
                            errno_name(out.inside));
}

}  // namespace

std::string_view name_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::contained:
      return "contained";
    case Outcome::escaped:
      return "escaped";
    case Outcome::not_applicable:
      return "not applicable";
  }
  return "";
}

Errnos errnos_in(std::string_view text) {
  Errnos out;
  for (const std::string_view line : split(text, '\n')) {
    const auto words = split(line, ' ');
    int error = 0;
    if (words.size() != 3 || words[0] != "drill") continue;
    const char* end = words[2].data() + words[2].size();
    if (std::from_chars(words[2].data(), end, error).ptr == end) out[std::string(words[1])] = error;
  }
  return out;
}

ActResult judge_act(std::string_view group, const Act& act, const Observed& seen) {
  ActResult out{.group = std::string(group),
                .name = std::string(act.name),
                .inside = errno_of(seen.inside, act.name),
                .control = errno_of(seen.control, act.name)};
  const Expected expected = expected_of(act, seen.tier, seen.landlock_abi);
  const bool aftermath = act.control == Control::aftermath;
  const bool worked = aftermath ? has(seen.left_inside, act.name) : out.inside == 0;
  if (worked && !expected.missing.empty()) {
    out.why = fmt::format("not in the {} tier: {}", seen.tier, expected.missing);
    out.as_expected = true;
  } else if (worked) {
    out.outcome = Outcome::escaped;
    out.why = aftermath ? "it was on the host after the run" : "it worked inside";
  } else if (out.inside < 0) {
    // A run that ended before this act: nothing is known, and no score may hide it.
    out.outcome = Outcome::escaped;
    out.why = "it was never answered: the run ended before it, or with it";
  } else if (aftermath) {
    judge_aftermath(act, expected, seen, out);
  } else {
    judge_errno(act, expected, out);
  }
  return out;
}

int exit_code_of(const ScoreCard& card) {
  const bool any = std::ranges::any_of(
      card.acts, [](const ActResult& one) { return one.outcome == Outcome::escaped; });
  return any ? 1 : 0;
}

}  // namespace berm::drill
