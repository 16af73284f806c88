#include "session/change_diffs.h"

#include <nlohmann/json.hpp>

#include "record/canonical.h"
#include "record/sha256.h"
#include "redact/redactor.h"
#include "rules/changes/line_diff.h"
#include "session/run_session.h"
#include "sys/fd.h"

namespace berm {
namespace {

using nlohmann::json;

constexpr std::size_t kMostOfOne = 128 << 10;
constexpr std::size_t kMostOfAll = 4 << 20;
constexpr std::size_t kMostCompared = 16 << 20;

// The guard reads no more than it can judge: what it left unread is no text that was removed.
bool was_read(const FileState& state, const std::string& text) {
  return state.type == FileType::none ||
         (state.type == FileType::regular && state.size == text.size());
}

// Whole lines, and a note that there were more.
std::string shortened(std::string diff) {
  if (diff.size() <= kMostOfOne) return diff;
  diff.resize(diff.rfind('\n', kMostOfOne) + 1);
  return diff + "\\ … and more\n";
}

}  // namespace

Result<std::string> write_diffs(const Changes& changes, const KnownSecrets& known,
                                const std::string& path) {
  json diffs = json::object();
  std::size_t size = 0;
  std::size_t compared = 0;
  for (const Change& change : changes.files) {
    if (size >= kMostOfAll) break;
    if (change.binary || change.ignored) continue;
    if (!was_read(change.before, change.base_text) || !was_read(change.after, change.text))
      continue;
    compared += change.base_text.size() + change.text.size();
    if (compared > kMostCompared) break;
    std::string diff = shortened(line_diff(change.base_text, change.text));
    if (diff.empty()) continue;
    size += diff.size();
    diffs[json_path(change.path)] = std::move(diff);
  }
  if (diffs.empty()) return "";
  const std::string text = canonical(redact_json(diffs, known)) + "\n";
  BERM_TRY(write_file(path, text, 0600));
  return sha256_hex(text);
}

}  // namespace berm
