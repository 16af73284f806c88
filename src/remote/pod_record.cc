#include "remote/pod_record.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "record/chain.h"

namespace berm {
namespace {

using nlohmann::json;

constexpr std::size_t kLongestLine = 4 << 20;

std::string text(const json& data, const char* key) {
  return data.is_object() && data.contains(key) && data[key].is_string()
             ? printable(data[key].get<std::string>().substr(0, 200))
             : std::string();
}

}  // namespace

// What the caller's own record says, of the same run.
bool is_callers(std::string_view type) {
  static constexpr std::string_view kCallers[] = {
      "run.start", "record.key", "checkpoint", "enforcement", "run.outcome", "changes",
      "guard",     "import",     "verdict",    "run.end",     "run.attach"};
  return std::ranges::find(kCallers, type) != std::end(kCallers) ||
         type.starts_with("credential.") || type.starts_with("sink.") || type.starts_with("pod.");
}

PodRecord::PodRecord(std::string run, UniqueFd copy, RecordFile& record)
    : run_(std::move(run)), copy_(std::move(copy)), record_(&record), previous_(genesis_hash()) {}

Result<PodRecord> PodRecord::create(std::string run, const std::string& copy, RecordFile& record,
                                    std::uint64_t passed_on) {
  UniqueFd file = BERM_TRY(open_file(copy, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND));
  PodRecord out(std::move(run), std::move(file), record);
  out.passed_on_ = passed_on;
  return out;
}

Result<void> PodRecord::take(std::string_view bytes) {
  BERM_TRY(write_all(copy_.get(), bytes));
  held_ += bytes;
  std::size_t from = 0;
  for (std::size_t end = held_.find('\n'); end != std::string::npos; end = held_.find('\n', from)) {
    BERM_TRY(take_line(std::string_view(held_).substr(from, end - from)));
    from = end + 1;
  }
  held_.erase(0, from);
  if (held_.size() > kLongestLine) return failure(Errc::denied, "read the pod's record");
  return {};
}

Result<void> PodRecord::take_line(std::string_view line) {
  const std::optional<SealedLine> sealed = parse_sealed(line);
  const bool follows = sealed && sealed->fits && sealed->run == run_ &&
                       sealed->sequence == sequence_ && sealed->previous == previous_;
  if (!follows) {
    return failure(Errc::denied,
                   fmt::format("trust the pod's record: line {} does not follow the one before",
                               sequence_ + 1));
  }
  static constexpr std::string_view kSources[] = {"supervisor", "egress", "judge"};
  if (std::ranges::find(kSources, sealed->source) == std::end(kSources)) {
    return failure(Errc::denied, "trust the pod's record: an event is of no source");
  }
  previous_ = sealed->hash;
  ++sequence_;
  if (is_callers(sealed->type)) return {};
  const json data = parse_event(sealed->data);
  if (!data.is_object()) return failure(Errc::denied, "trust the pod's record: it has no data");
  note_last(sealed->type, data);
  if (passed_on_ > 0) {
    --passed_on_;
    return {};
  }
  record_->append(sealed->source, sealed->type, data);
  return {};
}

void PodRecord::note_last(std::string_view type, const json& data) {
  if (type == "exec") {
    const std::string path = text(data, "executable");
    if (!path.empty()) last_ = path;
  }
  if (type == "tool.call") {
    const std::string tool = text(data, "tool");
    if (!tool.empty()) last_ = "a call of " + tool;
  }
}

}  // namespace berm
