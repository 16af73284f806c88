#include "record/export.h"

#include "record/export/cef.h"
#include "record/export/ecs.h"
#include "record/export/ocsf.h"

namespace berm {

std::optional<EventFormat> event_format_of(std::string_view name) {
  for (const auto& [known, format] : kEventFormats) {
    if (known == name) return format;
  }
  return std::nullopt;
}

std::string formatted(EventFormat format, std::string_view line) {
  switch (format) {
    case EventFormat::native:
      break;
    case EventFormat::ocsf:
      return formats::to_ocsf(line);
    case EventFormat::ecs:
      return formats::to_ecs(line);
    case EventFormat::cef:
      return formats::to_cef(line);
  }
  return std::string(line);
}

}  // namespace berm
