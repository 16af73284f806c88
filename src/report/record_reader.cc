#include "report/record_reader.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "record/chain.h"

namespace berm::report {

using nlohmann::json;

std::string RecordReader::wrong_with(const json& event, std::string_view line) const {
  if (!event.is_object()) return "no event";
  const std::optional<SealedLine> sealed = parse_sealed(line);
  if (!sealed || !sealed->fits) return "the hash does not fit the content";
  if (raw_text(event, "prev") != (lines_ == 1 ? genesis_hash() : previous_)) {
    return "does not continue the line before";
  }
  if (count_of(event, "seq") != next_) return "events are missing or out of order";
  if (!run_.empty() && raw_text(event, "run") != run_) return "an event of another run";
  return "";
}

void RecordReader::line(std::string_view line) {
  ++lines_;
  const json event = parse_event(line);
  const std::string wrong = wrong_with(event, line);
  if (!wrong.empty()) broken(wrong);
  if (!event.is_object()) return;
  ++integrity_.events;
  previous_ = raw_text(event, "hash");
  next_ = count_of(event, "seq") + 1;
  if (run_.empty()) run_ = raw_text(event, "run");
  if (started_.empty()) started_ = shown(event, "time", 40);
  // A checkpoint may follow the end: it signs it.
  const std::string_view type = raw_text(event, "type");
  ended_ = type == "run.end" || (ended_ && type == "checkpoint");
  facts_.add(event);
}

void RecordReader::broken(std::string_view why) {
  if (++integrity_.problems == 1) {
    integrity_.first_problem = fmt::format("line {}: {}", lines_, shown(why));
  }
}

RunFacts RecordReader::take() {
  integrity_.head = shown(previous_, 64);
  integrity_.complete = ended_;
  return facts_.take(std::move(integrity_));
}

RunFacts read_record(std::string_view text) {
  RecordReader reader;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) {
      reader.broken("the last line has no end");
      break;
    }
    reader.line(text.substr(0, end));
    text.remove_prefix(end + 1);
  }
  return reader.take();
}

}  // namespace berm::report
