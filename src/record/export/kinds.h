// src/record/export/kinds.h: what every type of event is in OCSF and ECS, and how it ended.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "record/export/event.h"

namespace berm::formats {

/// Which of its data a schema has a place for.
enum class Subject : std::uint8_t {
  other,
  application,
  process,
  network,
  http,
  tool,
  usage,
  finding,
  compliance,
  files,
  credential,
  log,
};

/// OCSF's numbers. unknown: what is no event of ours.
enum class Severity : std::uint8_t { unknown, informational, low, medium, high, critical };

/// What berm did with the act that the event tells of.
enum class Control : std::uint8_t { none, allowed, denied, approved, rejected, asked, observed };

enum class Ending : std::uint8_t { unknown, success, failure };

struct Kind {
  std::string_view type;  ///< "" of all that are not in the table
  std::string_view title;
  Subject subject = Subject::other;
  std::uint8_t activity = 99;          ///< OCSF activity_id
  std::string_view activity_name;      ///< its caption; of 99 our own word
  std::string_view ecs_category;       ///< "" = none
  std::string_view ecs_type = "info";  ///< as it is when nothing was denied
  Severity severity = Severity::informational;
  Control control = Control::none;  ///< where the data does not say
  Ending ending = Ending::unknown;  ///< the same
};

/// The kind of `type`; one without a subject if it is none of ours.
[[nodiscard]] const Kind& kind_of(std::string_view type);

/// What the data of this one event says.
struct Judgement {
  Severity severity = Severity::informational;
  Control control = Control::none;
  Ending ending = Ending::unknown;
};
[[nodiscard]] Judgement judge(const Kind& kind, const Event& event);
[[nodiscard]] constexpr bool was_denied(const Judgement& judgement) {
  return judgement.control == Control::denied || judgement.control == Control::rejected;
}

[[nodiscard]] std::string_view title_of(const Kind& kind, const Judgement& judgement);

/// Why: the first of the data's own words for it, "" if there is none.
[[nodiscard]] std::string reason_of(const Event& event);

/// Takes from the data what a judgement and its reason have told.
void take_told(Event& event);

/// One sentence for people, at most about 500 bytes, safe to show.
[[nodiscard]] std::string message_of(const Kind& kind, const Judgement& judgement,
                                     const Event& event);

}  // namespace berm::formats
