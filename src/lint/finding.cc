#include "lint/finding.h"

#include <fmt/format.h>

#include <array>
#include <map>

#include "base/text.h"
#include "lint/rule.h"
#include "record/sha256.h"

namespace berm::lint {
namespace {

constexpr std::array<std::string_view, 4> kSeverities = {"low", "medium", "high", "critical"};
constexpr std::array<std::string_view, 3> kConfidences = {"low", "medium", "high"};
constexpr std::array<std::string_view, 3> kPersonas = {"regular", "pedantic", "auditor"};

template <class E, std::size_t N>
std::optional<E> named(const std::array<std::string_view, N>& all, std::string_view name) {
  for (std::size_t i = 0; i < N; ++i) {
    if (all[i] == name) return static_cast<E>(i);
  }
  return std::nullopt;
}

}  // namespace

std::string_view name_of(Severity severity) {
  return kSeverities[static_cast<std::size_t>(severity)];
}
std::string_view name_of(Confidence one) { return kConfidences[static_cast<std::size_t>(one)]; }
std::string_view name_of(Persona persona) { return kPersonas[static_cast<std::size_t>(persona)]; }
std::optional<Severity> severity_named(std::string_view name) {
  return named<Severity>(kSeverities, name);
}
std::optional<Persona> persona_named(std::string_view name) {
  return named<Persona>(kPersonas, name);
}

Location with_note(Location at, std::string note) {
  at.note = std::move(note);
  return at;
}

std::vector<std::string> fingerprints(const std::vector<Finding>& findings) {
  std::vector<std::string> out;
  std::map<std::string, int> seen;
  for (const Finding& one : findings) {
    const Source& file = *one.at.file;
    const std::string_view line = trim(file.line(file.place_of(one.at.span.begin).line));
    const std::string key =
        fmt::format("{}\n{}\n{}\n{}", one.rule->id, file.path(), line, one.message);
    out.push_back(sha256_hex(fmt::format("{}\n{}", key, seen[key]++)).substr(0, 32));
  }
  return out;
}

}  // namespace berm::lint
